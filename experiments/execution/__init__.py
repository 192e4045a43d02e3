"""Work of the experiments room that runs in jobs of other rooms."""
