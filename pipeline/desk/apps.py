"""Django's name for the desk."""

from django.apps import AppConfig


class DeskConfig(AppConfig):
    """The one application of the desk; its tables begin with `desk_`."""

    name = "pipeline.desk"
    label = "desk"
    default_auto_field = "django.db.models.BigAutoField"
