"""Sphinx: MyST pages, the furo theme, nothing from another host."""

project = "Graduasi"
author = "Graduasi"
extensions = ["myst_parser", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
root_doc = "index"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
nitpicky = True
html_theme = "furo"
html_title = "Graduasi"
html_show_sphinx = False
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_last_updated_fmt = None
highlight_language = "text"
