"""Views of the foreign dialects: what they ask besides predictions, and predictions that the fast lane passed on."""
