"""How Sphinx builds these pages; what is particular to them is in `public.py` beside this file."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

project = "trioaudio"
copyright = "the trioaudio contributors"
release = version = installed_version("trioaudio")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "public", "plugin_options", "settings_table"]
exclude_patterns = ["_build", "examples", "newsfragments"]

default_role = "py:obj"
add_module_names = False
toc_object_entries_show_parents = "hide"
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True

autodoc_member_order = "bysource"
autodoc_default_options = {"show-inheritance": True}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"trioaudio {release}"
