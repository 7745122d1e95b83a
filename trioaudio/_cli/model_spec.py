"""Who answers, from the options ``--model`` and ``--base-url``."""

from __future__ import annotations

from dataclasses import replace

from .._errors import OptionError
from .._options import describe, format_spec, parse_spec
from .._plugins import load_model

OPTION = "base_url"


def model_spec(model: str, base_url: str | None) -> str:
    """The spec of the model, at another server if one is named.

    Raises:
        OptionError: the model has no such option, or has it already.
        PluginError: there is no such model.
    """
    if base_url is None:
        return model
    spec = parse_spec(model)
    if OPTION in spec.options:
        raise OptionError(f"--base-url is given, and {OPTION} in --model too; leave one of them out")
    if not any(option.name == OPTION for option in describe(load_model(spec.name).open)):
        raise OptionError(f"the model {spec.name!r} has no option {OPTION}: it is not reached at a URL; leave --base-url out")
    return format_spec(replace(spec, options={**spec.options, OPTION: base_url}))
