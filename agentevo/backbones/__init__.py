"""Backbones: the models that act and that are trained."""

from agentevo.backbones.backbone import Backbone, BackboneError
from agentevo.backbones.registry import load, names

__all__ = ["Backbone", "BackboneError", "load", "names"]
