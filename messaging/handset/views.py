"""The simulator's doors: a page, its live part, and four forms. They exist where SIMULATOR is on, and nowhere else."""

import json
import time
import uuid
from collections.abc import Callable
from functools import wraps
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.phone import format_for_people
from accounts.roles import Role
from accounts.scoping import businesses_open_to
from compliance.models import Recipient
from compliance.purposes import Purpose
from messaging import webhooks
from messaging.demo.plan import load_plan
from messaging.handset.reading import read_scene
from messaging.handset.stage import FIRST_SHOWN, NoDemo, Stage, set_stage
from messaging.sending import Submission, accept_send

View = Callable[..., HttpResponse]
PURPOSES = (Purpose.CONVERSATIONAL, Purpose.TRANSACTIONAL, Purpose.MARKETING)
CHIPS = ("STOP", "START", "HELP", "ARRET")
LONGEST_TEXT = 1600
READS_HISTORY = "compliance"  # whose log-in opens a page of the admin from the simulator
LOGIN_BACKEND = "accounts.auth.RoleBackend"


def in_demo_alone(view: View) -> View:
    """Nothing of the simulator is there unless SIMULATOR is on."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not settings.SIMULATOR:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


def home(request: HttpRequest) -> HttpResponse:
    """`/`: the simulator in a demo, else the admin."""
    return page(request) if settings.SIMULATOR else HttpResponseRedirect(reverse("admin:index"))


@in_demo_alone
@require_safe
@never_cache
@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    """The handset, and beside it what the system decides."""
    try:
        stage = set_stage(request.GET)
    except NoDemo:
        return render(request, "handset/no_demo.html", status=503)
    said = [str(message) for message in messages.get_messages(request)]
    context = {
        "page_address": stage.address(),
        "live_address": stage.address("handset_live"),
        "recipient_shown": format_for_people(stage.recipient),
        "businesses": [load_plan(slug) for slug in FIRST_SHOWN],
        "chips": CHIPS,
        "purposes": PURPOSES,
        "longest": LONGEST_TEXT,
        "brand_initials": "".join(word[0] for word in stage.tenant.brand_name.split()[:2]),
        "logins": [(login_.name, Role(login_.role).label, login_.person) for login_ in stage.plan.logins],
    }
    return _show(request, "handset/page.html", stage, " ".join([*said, stage.problem]).strip(), **context)


@in_demo_alone
@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """The part that changes, asked for again and again."""
    return _show(request, "handset/live.html", _stage_of(request))


@in_demo_alone
@require_POST
def text(request: HttpRequest) -> HttpResponse:
    """Text as the recipient: by the webhook door, as from any provider."""
    clock = time.perf_counter()
    stage = _stage_of(request)
    words = request.POST.get("word") or request.POST.get("text", "")
    return _answer(request, stage, _find_fault(words) or _text_in(stage, words, clock))


@in_demo_alone
@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Send as the business: the gate decides, and a refusal is shown in the thread."""
    stage = _stage_of(request)
    body, purpose = request.POST.get("body", ""), request.POST.get("purpose", Purpose.CONVERSATIONAL)
    if purpose not in PURPOSES:
        return _answer(request, stage, "Choose what the text is for.")
    by_person = request.POST.get("by_person") == "on"
    return _answer(request, stage, _find_fault(body) or _send(stage, body, purpose, by_person=by_person))


@in_demo_alone
@require_POST
def new_handset(request: HttpRequest) -> HttpResponse:
    """Take a number that nobody has texted yet, and let the business text it first."""
    stage = _stage_of(request)
    number = _find_unused(stage)
    if number is None:
        messages.error(request, "Every handset number is used; type a number of your own.")
        return HttpResponseRedirect(stage.address())
    fresh = set_stage({"business": stage.tenant.slug, "number": stage.sender.number, "recipient": number})
    if problem := _send(fresh, stage.plan.handset_text, Purpose.CONVERSATIONAL):
        messages.error(request, problem)
    return HttpResponseRedirect(fresh.address())


@in_demo_alone
@require_POST
def enter(request: HttpRequest) -> HttpResponse:
    """Log in as one of the demo's people with one click. Whoever is at home in the business already stays."""
    stage = _stage_of(request)
    person = _find_person(stage, request.POST.get("login") or READS_HISTORY)
    wanted = request.POST.get("next", "")
    if not (wanted and _is_at_home(request, stage)):
        login(request, person, backend=LOGIN_BACKEND)
    return HttpResponseRedirect(wanted if _is_in_admin(wanted) else reverse("admin:compliance_optout_changelist"))


def _stage_of(request: HttpRequest) -> Stage:
    try:
        return set_stage(request.POST if request.method == "POST" else request.GET)
    except NoDemo:
        raise Http404 from None


def _show(request: HttpRequest, template: str, stage: Stage, notice: str = "", **more: object) -> HttpResponse:
    """A template with the scene as it is now, in the business's own time. `at` lets the page drop an older answer."""
    at = time.time_ns()
    with timezone.override(ZoneInfo(stage.tenant.time_zone)):
        scene = read_scene(stage, timezone.now())
        return render(request, template, {"stage": stage, "scene": scene, "notice": notice, "at": at, **more})


def _find_fault(words: str) -> str:
    if not words.strip():
        return "Write a text first."
    if len(words) > LONGEST_TEXT:
        return f"A text has at most {LONGEST_TEXT} characters; this one has {len(words)}."
    return ""


def _text_in(stage: Stage, words: str, clock: float) -> str:
    """The webhook that a provider would send. Returns a sentence where it was not applied."""
    said = {"id": f"handset-{uuid.uuid4()}", "from": stage.recipient, "to": stage.sender.number, "text": words}
    body = json.dumps(said).encode()
    answer = webhooks.take_in(stage.account, webhooks.Kind.INBOUND, {"content-type": "application/json"}, body, clock)
    if answer.status_code == 200:
        return ""
    return str(json.loads(answer.content).get("detail", "The text was not applied."))


def _send(stage: Stage, body: str, purpose: str, *, by_person: bool = False) -> str:
    user = stage.employee
    submission = Submission(
        tenant=stage.tenant,
        sender=stage.sender,
        recipient=stage.recipient,
        body=body,
        purpose=purpose,
        user=user,
        by_person=by_person,
        requested_by=user.display_name if user else "",
    )
    try:
        accept_send(submission, timezone.now())
    except DatabaseError:
        return "The state of this recipient can't be read, so nothing was sent."
    return ""


def _find_unused(stage: Stage) -> str | None:
    numbers = stage.plan.handset_numbers()
    used = set(Recipient.objects.filter(tenant=stage.tenant, number__in=numbers).values_list("number", flat=True))
    return next((number for number in numbers if number not in used), None)


def _find_person(stage: Stage, name: str) -> User:
    for planned in stage.plan.logins:
        if planned.name == name:
            people = User.objects.filter(tenant=stage.tenant, is_active=True, role=planned.role)
            person: User | None = people.filter(username=stage.plan.username(planned)).first()
            if person is not None:
                return person
    raise Http404


def _is_at_home(request: HttpRequest, stage: Stage) -> bool:
    user = request.user
    return isinstance(user, User) and stage.tenant.pk in businesses_open_to(user)


def _is_in_admin(address: str) -> bool:
    return address.startswith(reverse("admin:index")) and url_has_allowed_host_and_scheme(address, allowed_hosts=None)


def _answer(request: HttpRequest, stage: Stage, notice: str) -> HttpResponse:
    """The live part to htmx, a redirect to a plain form."""
    if request.headers.get("HX-Request"):
        return _show(request, "handset/live.html", stage, notice, answers=True)
    if notice:
        messages.error(request, notice)
    return HttpResponseRedirect(stage.address())
