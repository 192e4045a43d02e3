"""Making a folder out of a model version: files, manifests, card; plain values in, plain bytes out, no Django."""
