"""The verbs of the Kubernetes API on the served kinds: what a call does, and what it is answered with.

Not emulated (501): creating bare pods, subresources other than `status` and `scale`. Accepted and without effect:
`fieldValidation`, `resourceVersion` of a get or list (always the newest).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localazure.kubernetes import patches, selectors
from localazure.kubernetes.bodies import applied_scale, document, mapping, object_of
from localazure.kubernetes.cabinet import Object
from localazure.kubernetes.kinds import POD, Kind
from localazure.kubernetes.ownership import Owner
from localazure.kubernetes.paging import continue_token, number, resume_point, version
from localazure.kubernetes.registry import Registry
from localazure.kubernetes.routes import Route
from localazure.kubernetes.scale import rescaled, scale_of
from localazure.kubernetes.status import Refusal, not_emulated, stale
from localazure.kubernetes.watching import Watch, open_watch, wanted
from localazure.kubernetes.wire import Call

Reply = tuple[int, Any] | Watch

_PATCHES: dict[str, Callable[[Any, Any], Any]] = {
    "application/merge-patch+json": patches.merge,
    "application/strategic-merge-patch+json": patches.strategic,
    "application/json-patch+json": patches.json_patch,
}
_APPLY = "application/apply-patch+yaml"


class Endpoints:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def answer(self, call: Call, route: Route) -> Reply:
        """Raises `Refusal` for whatever is not done."""
        if wanted(call, route):
            return open_watch(call, route, self._registry.cabinet)
        verbs: dict[tuple[str, bool], Callable[[Call, Route], Reply]] = {
            ("GET", True): self._get,
            ("PUT", True): self._replace,
            ("PATCH", True): self._patch,
            ("DELETE", True): self._delete,
            ("GET", False): self._list,
            ("POST", False): self._create,
            ("DELETE", False): self._delete_collection,
        }
        verb = verbs.get((call.method, bool(route.name)))
        if verb is None or (route.subresource and call.method == "DELETE"):
            raise Refusal(405, "the server does not allow this method on the requested resource")
        return verb(call, route)

    def _get(self, call: Call, route: Route) -> Reply:
        thing = self._registry.get(route.kind, route.namespace, route.name)
        return 200, _show(thing, route)

    def _list(self, call: Call, route: Route) -> Reply:
        kind, cabinet = route.kind, self._registry.cabinet
        try:
            version(call.query.get("resourceVersion", ""))
        except ValueError as unreadable:
            raise Refusal(400, f"invalid resource version: {unreadable}") from None
        found = self._select(call, route)
        after = resume_point(call.query.get("continue", ""))
        found = [thing for thing in found if _place(thing) > after]
        limit = number(call.query.get("limit") or "0", "limit")
        metadata: dict[str, Any] = {"resourceVersion": cabinet.version}
        if limit and len(found) > limit:
            found, rest = found[:limit], len(found) - limit
            metadata |= {"continue": continue_token(_place(found[-1])), "remainingItemCount": rest}
        items = [{name: value for name, value in thing.items() if name not in ("kind", "apiVersion")} for thing in found]
        return 200, {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata, "items": items}

    def _select(self, call: Call, route: Route) -> list[Object]:
        matches = selectors.chosen(call.query)
        return [thing for thing in self._registry.cabinet.all(route.kind, route.namespace or None) if matches(thing)]

    def _create(self, call: Call, route: Route) -> Reply:
        if route.kind is POD:
            raise not_emulated("creating a pod without a workload")
        if route.kind.namespaced and not route.namespace:
            raise Refusal(405, "the server does not allow this method on the requested resource")
        given = document(call, route)
        owner = Owner(call.manager)
        return 201, self._registry.create(route.kind, route.namespace, given, owner, dry_run=call.dry_run)

    def _replace(self, call: Call, route: Route) -> Reply:
        if route.subresource == "scale":
            return self._rescale(call, route, lambda scale: mapping(call.document()))
        given = document(call, route)
        return 200, self._update(call, route, lambda standing: given)

    def _patch(self, call: Call, route: Route) -> Reply:
        if call.media_type == _APPLY:
            return self._apply(call, route)
        patch = _PATCHES.get(call.media_type)
        if patch is None:
            supported = ", ".join([*_PATCHES, _APPLY])
            raise Refusal(415, f"the body of the request was in an unknown format - accepted media types: {supported}")
        body = call.document()
        if call.media_type != "application/json-patch+json":
            mapping(body)
        if route.subresource == "scale":
            return self._rescale(call, route, lambda scale: mapping(patch(scale, body)))
        return 200, self._update(call, route, lambda standing: object_of(patch(standing, body)))

    def _update(self, call: Call, route: Route, change: Callable[[Object], Object]) -> Object:
        owner = Owner(call.manager, subresource=route.subresource)
        return self._registry.update(route.kind, route.namespace, route.name, change, owner, dry_run=call.dry_run)

    def _rescale(self, call: Call, route: Route, change: Callable[[Object], Object]) -> Reply:
        return 200, scale_of(self._update(call, route, lambda standing: rescaled(standing, change(scale_of(standing)))))

    def _apply(self, call: Call, route: Route) -> Reply:
        if not call.query.get("fieldManager"):
            raise Refusal(
                422, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
            )
        owner = Owner(call.manager, "Apply", route.subresource)
        force = call.query.get("force") in ("true", "1")
        wanted = applied_scale(mapping(call.document()), route) if route.subresource == "scale" else document(call, route)
        if route.kind is POD and self._registry.cabinet.get(POD, route.namespace, route.name) is None:
            raise not_emulated("creating a pod without a workload")
        thing, created = self._registry.apply(route.kind, route.namespace, wanted, owner, force=force, dry_run=call.dry_run)
        return 201 if created else 200, _show(thing, route)

    def _delete(self, call: Call, route: Route) -> Reply:
        options = mapping(call.document()) if call.body else {}
        thing = self._registry.get(route.kind, route.namespace, route.name)
        _check_preconditions(options.get("preconditions") or {}, thing, route)
        self._remove(call, options, route.kind, thing)
        left = self._registry.cabinet.get(route.kind, route.namespace, route.name)
        if left is not None and not call.dry_run:
            return 200, left
        details = {
            "name": route.name,
            "group": route.kind.group,
            "kind": route.kind.plural,
            "uid": thing["metadata"]["uid"],
        }
        shown = {name: value for name, value in details.items() if value}
        return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": shown}

    def _delete_collection(self, call: Call, route: Route) -> Reply:
        if route.kind.namespaced != bool(route.namespace):
            raise Refusal(405, "the server does not allow this method on the requested resource")
        options = mapping(call.document()) if call.body else {}
        found = self._select(call, route)
        for thing in found:
            self._remove(call, options, route.kind, thing)
        kind = route.kind
        return 200, {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": {}, "items": found}

    def _remove(self, call: Call, options: dict[str, Any], kind: Kind, thing: Object) -> None:
        propagation = call.query.get("propagationPolicy") or options.get("propagationPolicy") or "Background"
        if propagation not in ("Background", "Foreground", "Orphan"):
            raise Refusal(422, f"DeleteOptions.meta.k8s.io is invalid: propagationPolicy: {propagation!r}")
        dry_run = call.dry_run or options.get("dryRun") == ["All"]
        grace = _grace_seconds(call, options)
        self._registry.delete(kind, *_place(thing), propagation=propagation, grace=grace, dry_run=dry_run)


def _show(thing: Object, route: Route) -> Object:
    return scale_of(thing) if route.subresource == "scale" else thing


def _check_preconditions(wanted: dict[str, Any], thing: Object, route: Route) -> None:
    for name in ("uid", "resourceVersion"):
        if wanted.get(name) not in (None, thing["metadata"][name]):
            raise stale(route.kind, route.name)


def _grace_seconds(call: Call, options: dict[str, Any]) -> int | None:
    """Raises 400 for what is no number."""
    asked = call.query.get("gracePeriodSeconds", options.get("gracePeriodSeconds"))
    return None if asked is None else number(str(asked), "gracePeriodSeconds")


def _place(thing: Object) -> tuple[str, str]:
    return thing["metadata"].get("namespace", ""), thing["metadata"]["name"]
