"""All settings, read from the environment (and from ``.env`` beside ``manage.py``); a module for each subject.

A default installation needs none of them: everything that it keeps lies under ``MLOPS_HOME`` (``var/``).
"""

from mlops_site.settings.applications import *
from mlops_site.settings.database import *
from mlops_site.settings.datasets import *
from mlops_site.settings.environment import *
from mlops_site.settings.jobs import *
from mlops_site.settings.observability import *
from mlops_site.settings.pages import *
from mlops_site.settings.places import *
from mlops_site.settings.processes import *
from mlops_site.settings.queues import *
from mlops_site.settings.rest import *
from mlops_site.settings.rows import *
from mlops_site.settings.schedules import *
from mlops_site.settings.security import *
from mlops_site.settings.serving import *
from mlops_site.settings.storage import *
from mlops_site.settings.uploads import *
