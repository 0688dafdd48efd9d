"""How the site is built. It needs no network: `make docs`."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

import crmkit

HERE = Path(__file__).parent

project = "crmkit"
author = "The crmkit developers"
copyright = "The crmkit developers"
version = release = crmkit.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.mathjax",
    "myst_parser",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["_build", "_templates", "gallery/**/*.md5", "gallery/**/GALLERY_HEADER.rst"]
templates_path = ["_templates"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
default_role = "py:obj"
extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}
nitpicky = False  # types such as "array-like of shape (n,)" are words, not references

# One page per public name, with the members that it defines itself: what it inherits from
# scikit-learn is documented there, with references that only resolve there.
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {
    "exclude-members": ", ".join(
        f"set_{method}_request"
        for method in ("fit", "partial_fit", "predict", "predict_proba", "score", "split", "transform")
    )
}
numpydoc_show_class_members = False
numpydoc_validation_checks: set[str] = set()  # tests/test_docstrings.py checks what we ask for

sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_\w+\.py$",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "plot_gallery": "True",
}

html_theme = "pydata_sphinx_theme"
html_title = "crmkit"
html_show_sourcelink = False
html_sidebars = {"*": []}  # pages at the top have no section to navigate
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}


def write_api_pages(_: Sphinx, __: Config) -> None:
    """Write one page per room from the room itself, so that a new room needs no page by hand."""
    folder = HERE / "api" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(crmkit._ROOMS):
        room = importlib.import_module(f"crmkit.{name}")
        lines = [f"crmkit.{name}", "=" * (len(name) + 7), "", f".. automodule:: crmkit.{name}", "   :no-members:", ""]
        for title, test in (("Classes", inspect.isclass), ("Functions", inspect.isroutine)):
            names = [public for public in room.__all__ if test(getattr(room, public))]
            if names:
                lines += [title, "-" * len(title), "", f".. currentmodule:: crmkit.{name}", ""]
                lines += [".. autosummary::", "   :toctree: names", "   :nosignatures:", ""]
                lines += [*(f"   {public}" for public in names), ""]
        page = folder / f"{name}.rst"
        text = "\n".join(lines)
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Write the pages of the rooms before Sphinx looks which pages there are."""
    app.connect("config-inited", write_api_pages)
