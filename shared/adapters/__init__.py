"""The ports, made of Google's and other vendors' clients. The only place that may import them."""
