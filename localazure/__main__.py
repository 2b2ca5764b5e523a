"""`python -m localazure`: see `localazure.cli`."""

import sys

from localazure.cli import main

sys.exit(main())
