"""The simulation's own API, in JSON on a port of its own: edits, faults, index, counts, and the judge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from xmsyncd.simulator.catalogue import Dirt
from xmsyncd.simulator.counters import Vendor
from xmsyncd.simulator.faults import KINDS, fault_from_mapping
from xmsyncd.simulator.instances import Instance
from xmsyncd.simulator.options import Component, GroupsShape, OkkiTotal, RateWindow, Searchable
from xmsyncd.simulator.products import ABSENT
from xmsyncd.simulator.robot import RobotTrouble

if TYPE_CHECKING:
    from xmsyncd.simulator.server import Simulator

_INSTANCES_SHOWN = 1000

_Handler = Callable[[dict[str, Any]], Any]


class Control:
    """Each method is one path; what it takes stands in its docstring, which GET / shows."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._paths: tuple[tuple[str, str, _Handler], ...] = (
            ("GET", "/", self.show_all),
            ("GET", "/faults", self.show_faults),
            ("POST", "/faults", self.add_faults),
            ("DELETE", "/faults", self.clear_faults),
            ("GET", "/products", self.show_products),
            ("POST", "/edit", self.edit),
            ("POST", "/create", self.create),
            ("POST", "/import", self.bring_in),
            ("POST", "/swap", self.swap),
            ("POST", "/delete", self.delete),
            ("POST", "/dirt", self.dirt),
            ("POST", "/groups", self.groups),
            ("POST", "/index", self.index),
            ("POST", "/limits", self.limits),
            ("POST", "/okki", self.okki),
            ("POST", "/components", self.components),
            ("POST", "/clock", self.clock),
            ("POST", "/revoke_tokens", self.revoke_tokens),
            ("POST", "/plug", self.plug),
            ("GET", "/robot", self.show_robot),
            ("POST", "/robot", self.robot),
            ("GET", "/counters", self.show_counters),
            ("POST", "/counters/reset", self.reset_counters),
            ("GET", "/oracle", self.judge),
            ("GET", "/instances", self.show_instances),
            ("DELETE", "/instances", self.delete_instance),
        )

    def application(self) -> web.Application:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        for method, path, handler in self._paths:
            app.router.add_route(method, path, _served(handler))
        return app

    def show_all(self, _: dict[str, Any]) -> Any:
        """What there is."""
        simulator = self._simulator
        return {
            "okki_url": simulator.okki_url,
            "yida_url": simulator.yida_url,
            "control_url": simulator.control_url,
            "resource": simulator.options.resource,
            "products": len(simulator.catalogue),
            "paths": {
                f"{method} {path}": (handler.__doc__ or "").strip() for method, path, handler in self._paths
            },
            "faults": {
                name: {
                    "api": list(kind.vendors),
                    "operations": sorted(kind.operations) if kind.operations else "*",
                    "stage": kind.stage,
                    "meaning": kind.meaning,
                }
                for name, kind in KINDS.items()
            },
        }

    def show_faults(self, _: dict[str, Any]) -> Any:
        """The faults that are on, with how many calls they saw and struck."""
        return [fault.to_json() for fault in self._simulator.faults.active]

    def add_faults(self, given: dict[str, Any]) -> Any:
        """One fault {name, api?, operation?, rate?, times?, after?, seconds?, …}, or {faults: [fault, …]}."""
        faults = [fault_from_mapping(each) for each in given.get("faults", [given])]
        for fault in faults:
            self._simulator.faults.append(fault)
        return [fault.to_json() for fault in faults]

    def clear_faults(self, _: dict[str, Any]) -> Any:
        """Switch all faults off."""
        self._simulator.faults.clear()
        return []

    def show_products(self, given: dict[str, Any]) -> Any:
        """?offset=0&limit=100, ?id= or ?product_no=: products with their fields and what Yida should hold."""
        catalogue = self._simulator.catalogue
        if "product_no" in given:
            ids = [catalogue.id_of_number(given["product_no"])]
        elif "id" in given:
            ids = [int(given["id"])]
        else:
            offset = int(given.get("offset", 0))
            ids = catalogue.ids()[offset : offset + int(given.get("limit", 100))]
        return [
            {"fields": catalogue.product(each), "expected": self._simulator.oracle.expected(each)}
            for each in ids
        ]

    def edit(self, given: dict[str, Any]) -> Any:
        """{id, fields: {…}, absent: [name, …]}, or {random: n}, or {per_second: n} for a stream of edits."""
        catalogue = self._simulator.catalogue
        if "per_second" in given:
            self._simulator.edits_per_second = float(given["per_second"])
            return {"ids": []}
        if "random" in given:
            return {"ids": catalogue.edit_random(int(given["random"]))}
        fields = {**given.get("fields", {}), **dict.fromkeys(given.get("absent", ()), ABSENT)}
        catalogue.edit(int(given["id"]), **fields)
        return {"ids": [int(given["id"])]}

    def create(self, given: dict[str, Any]) -> Any:
        """{fields?: {…}, count?: n}: new products."""
        fields = given.get("fields", {})
        return {
            "ids": [self._simulator.catalogue.create(**fields) for _ in range(int(given.get("count", 1)))]
        }

    def bring_in(self, given: dict[str, Any]) -> Any:
        """{count: n, updated?: epoch seconds}: an import, all with one and the same update time."""
        updated = given.get("updated")
        ids = self._simulator.catalogue.bring_in(
            int(given["count"]), updated=None if updated is None else int(updated), **given.get("fields", {})
        )
        return {"ids": ids}

    def swap(self, given: dict[str, Any]) -> Any:
        """{ids: [one, other]}: the two exchange their product numbers."""
        one, other = given["ids"]
        self._simulator.catalogue.swap_numbers(int(one), int(other))
        return {"ids": [one, other]}

    def delete(self, given: dict[str, Any]) -> Any:
        """{id, vanish?: bool}: as a person deletes it (a flag, or out of the list), or gone for good."""
        self._simulator.catalogue.delete(int(given["id"]), vanish=bool(given.get("vanish", False)))
        return {"ids": [int(given["id"])]}

    def dirt(self, given: dict[str, Any]) -> Any:
        """{kind: empty_number|duplicate_number|missing_name|unknown_group|wrong_types, count?: n}."""
        return {"ids": self._simulator.catalogue.spoil(Dirt(given["kind"]), int(given.get("count", 1)))}

    def groups(self, given: dict[str, Any]) -> Any:
        """{shape?: flat|nested|empty|cycle|orphan, rename?: {id, name}, move?: {id, parent_id}}: the tree."""
        groups = self._simulator.catalogue.groups
        if "shape" in given:
            groups.shape = GroupsShape(given["shape"])
        if "rename" in given:
            groups.rename(int(given["rename"]["id"]), str(given["rename"]["name"]))
        if "move" in given:
            groups.move(int(given["move"]["id"]), int(given["move"]["parent_id"]))
        return [
            {"id": each.id, "name": each.name, "parent_id": each.parent_id, "layer": each.layer}
            for each in groups.groups.values()
        ]

    def index(self, given: dict[str, Any]) -> Any:
        """{frozen?: bool, lag_seconds?: x, jitter_seconds?: x, searchable?: yes|never_found|refused}."""
        app = self._simulator.yida.app
        if "lag_seconds" in given:
            app.index.lag = timedelta(seconds=float(given["lag_seconds"]))
        if "jitter_seconds" in given:
            app.index.jitter = timedelta(seconds=float(given["jitter_seconds"]))
        if "searchable" in given:
            app.searchable = Searchable(given["searchable"])
        if given.get("frozen") is True:
            app.index.freeze()
        elif given.get("frozen") is False:
            app.index.thaw()
        return {"frozen": app.index.frozen, "lag_seconds": app.index.lag.total_seconds()}

    def limits(self, given: dict[str, Any]) -> Any:
        """{qps?: x|null, window?: fixed|sliding|bucket, monthly_calls?: n|null}; the metered calls."""
        gateway = self._simulator.yida.gateway
        if "qps" in given:
            gateway.qps = None if given["qps"] is None else float(given["qps"])
        if "window" in given:
            gateway.window = RateWindow(given["window"])
        if "monthly_calls" in given:
            gateway.monthly_calls = None if given["monthly_calls"] is None else int(given["monthly_calls"])
        return {"qps": gateway.qps, "monthly_calls": gateway.monthly_calls, "metered": gateway.metered}

    def okki(self, given: dict[str, Any]) -> Any:
        """{total?: count|totalItem|string|missing|lie}."""
        if "total" in given:
            self._simulator.okki.total = OkkiTotal(given["total"])
        return {"total": self._simulator.okki.total, "removed": self._simulator.okki.removed}

    def components(self, given: dict[str, Any]) -> Any:
        """{components: [{field_id, component_name, label}, …]} replaces the form's definition."""
        self._simulator.form.set_components(Component(**each) for each in given["components"])
        return self._simulator.form.definitions()

    def clock(self, given: dict[str, Any]) -> Any:
        """{offset_seconds: x}: OKKI's clock against the real one."""
        self._simulator.clock.offset = timedelta(seconds=float(given["offset_seconds"]))
        return {"okki_now": self._simulator.clock.text(self._simulator.clock.okki_now())}

    def revoke_tokens(self, given: dict[str, Any]) -> Any:
        """{api?: okki|yida}: the tokens that were given out are stale from now on."""
        if given.get("api") in (None, "okki"):
            self._simulator.okki.revoke_tokens()
        if given.get("api") in (None, "yida"):
            self._simulator.yida.revoke_tokens()
        return {}

    async def plug(self, given: dict[str, Any]) -> Any:
        """{vendor: okki or yida, in: false}: refuse connections to a vendor; in: true listens again."""
        vendor = Vendor(given["vendor"])
        if given.get("in", True):
            await self._simulator.plug_in(vendor)
        else:
            await self._simulator.unplug(vendor)
        return {"vendor": vendor, "in": bool(given.get("in", True))}

    def show_robot(self, _: dict[str, Any]) -> Any:
        """The messages in the robot's group, and how often it was called."""
        robot = self._simulator.yida.robot
        return {
            "calls": robot.calls,
            "repeats": robot.repeats,
            "messages": [{"title": one.title, "text": one.text} for one in robot.messages],
        }

    def robot(self, given: dict[str, Any]) -> Any:
        """{code, message?, times?, after_all?, cut?}: the robot answers its next calls with this error."""
        trouble = RobotTrouble(**{**given, "code": int(given["code"])})
        self._simulator.yida.robot.troubles.append(trouble)
        return {}

    def show_counters(self, given: dict[str, Any]) -> Any:
        """Calls by api.operation.result, commits, calls by second, metered; ?keys=1: by business key."""
        shown = self._simulator.counters.to_json()
        shown["metered"] = self._simulator.yida.gateway.metered
        if given.get("keys"):
            shown["by_key"] = self._simulator.counters.by_key()
        return shown

    def reset_counters(self, _: dict[str, Any]) -> Any:
        """All counts to 0, but not the metered calls of the month."""
        self._simulator.counters.reset()
        return {}

    async def judge(self, _: dict[str, Any]) -> Any:
        """Missing, doubled, different, extra: by product number; all empty when OKKI and Yida agree."""
        return (await self._simulator.oracle.judge_politely()).to_json()

    def show_instances(self, given: dict[str, Any]) -> Any:
        """?key= (what the key component holds or held) or ?id=, else the newest: with their whole history."""
        store = self._simulator.form.store
        if "id" in given:
            found = [each for each in store if each.id == given["id"]]
        elif "key" in given:
            found = store.holding(self._simulator.options.key_component, given["key"])
        else:
            found = list(store)[-_INSTANCES_SHOWN:][::-1]
        return [self._instance(each) for each in found]

    def delete_instance(self, given: dict[str, Any]) -> Any:
        """?id=: as somebody who deletes it in Yida."""
        instance = self._simulator.form.store.get(given["id"])
        if instance is None:
            raise KeyError(given["id"])
        self._simulator.form.store.delete(instance)
        return {}

    def _instance(self, instance: Instance) -> dict[str, Any]:
        horizon = self._simulator.yida.app.index.horizon()
        return {
            "id": instance.id,
            "status": instance.status,
            "deleted": instance.deleted,
            "searchable": instance.visible(horizon) is not None,
            "created_at": instance.created_at,
            "versions": [
                {"written_at": each.written_at, "data": None if each.deleted else each.data()}
                for each in instance.versions
            ],
        }


def _served(handler: _Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            raw = await request.read()
            given: Any = {**request.query, **(orjson.loads(raw) if raw else {})}
            answer = handler(given)
            if isinstance(answer, Awaitable):
                answer = await answer
        except KeyError as missing:
            return _json({"error": f"missing or unknown: {missing}"}, status=400)
        except (TypeError, ValueError) as wrong:
            return _json({"error": str(wrong)}, status=400)
        return _json(answer)

    return handle


def _json(body: Any, *, status: int = 200) -> web.Response:
    dumped = orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS, default=str)
    return web.Response(status=status, body=dumped, content_type="application/json", charset="utf-8")
