"""The WSGI entry: `gunicorn wsgi:app`, `flask --app wsgi`."""

import sys

from app.factory import create_app
from app.settings import BadSetting, Settings, drop_overriding_variables

drop_overriding_variables()
try:
    app = create_app(Settings.from_env())
except BadSetting as error:
    sys.exit(f"fairboard: {error}")
