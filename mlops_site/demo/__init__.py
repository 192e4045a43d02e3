"""The demo: the whole loop on scikit-learn's breast-cancer data, through the public services."""
