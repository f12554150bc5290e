"""The real addresses, and the floors."""

from django.urls import path

from benchmarks import floors
from optout_project.urls import urlpatterns as real

urlpatterns = [*real, path("floor/insert", floors.check_and_insert), path("floor/select", floors.SelectOne.as_view())]
