"""REST API of the retraining room."""
