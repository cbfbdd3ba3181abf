"""The documentation as a site: `python -m docs` (or `make docs`) writes it to build/docs from the pages of this folder.

`shown` makes small tables from a finished run, `drawings` draws them, `pictures` saves them; `reference` writes what is
generated from the code, `pages` puts pages, pictures and screenshots together, `conf` is Sphinx's.
"""
