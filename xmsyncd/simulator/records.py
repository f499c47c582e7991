"""What the entries of OKKI's other lists look like before anybody edits them (vendor doc)."""

from __future__ import annotations

from typing import Any, Final

from xmsyncd.simulator.group_tree import GroupTree
from xmsyncd.simulator.products import mixed_bits
from xmsyncd.simulator.words import CITIES, CURRENCIES, PEOPLE, REMARKS, TRADES

_DAY: Final = "2026-%02d-%02d 00:00:00"


def company_fields(seed: int, position: int, _: GroupTree) -> dict[str, Any]:
    """A customer."""
    bits = mixed_bits(seed, position)
    return {
        "serial_id": f"C{position + 1:06d}",
        "name": _firm(bits, position),
        "short_name": TRADES[bits % len(TRADES)],
        "user_id": str(20001 + bits % 9),
        "order_time": _day(bits),
        "create_user": 20001 + bits % 9,
        "last_edit_user": 20001 + bits % 7,
        "archive_type": bits % 4 + 1,
        "edit_time": "1970-01-01 00:00:00",
    }


def supplier_fields(seed: int, position: int, _: GroupTree) -> dict[str, Any]:
    """A supplier, with contacts and accounts."""
    bits = mixed_bits(seed, position)
    person = _person(bits)
    return {
        "supplier_no": f"SU{position + 1:05d}",
        "name": _firm(bits, position),
        "rate_id": bits % 4,
        "homepage": f"https://supplier{position + 1}.example.com",
        "address": f"{CITIES[bits % len(CITIES)]}工业园区{bits % 90 + 10}号",
        "delivery_date": bits % 5 + 1,
        "remark": _remark(bits),
        "attachments": [],
        "external_field_data": [
            {"id": "30011", "name": "结算方式", "value": ("月结", "现结")[bits % 2], "field_type": 3}
        ],
        "contact_list": [
            {
                "supplier_conact_id": 700_000 + position,
                "contact_name": PEOPLE[bits % len(PEOPLE)],
                "main": 1,
                "phone": f"138{bits % 100_000_000:08d}",
                "email": f"contact{position + 1}@example.com",
                "social_platform": [],
            }
        ],
        "user_list": [person],
        "archive_user": person,
        "update_user": person,
        "partner_account": [],
    }


def order_fields(seed: int, position: int, _: GroupTree) -> dict[str, Any]:
    """A sales order."""
    bits = mixed_bits(seed, position)
    amount = bits % 10_000_000 / 100
    return {
        "order_no": f"SO-2026-{position + 1:06d}",
        "name": f"{_firm(bits, position)} {position + 1}号订单",
        "account_date": _day(bits)[:10],
        "currency": CURRENCIES[bits % len(CURRENCIES)],
        "exchange_rate": 7.1,
        "amount": amount,
        "amount_rmb": amount,
        "product_total_amount": amount,
        "product_total_count": bits % 900 + 1,
        "company_name": _firm(bits, position),
        "country": ("US", "DE", "BR")[bits % 3],
        "company": {"company_id": 500_000 + position, "name": _firm(bits, position), "serial_id": "C000001"},
        "users": [{"user_id": 20001, "rate": "100"}],
        "remark": _remark(bits),
        "source_type": 1,
        "end_status": {"title": "未完成", "link_status": 1},
    }


def quotation_fields(seed: int, position: int, _: GroupTree) -> dict[str, Any]:
    """A quotation; the one list beside products whose entries have a deletion flag."""
    bits = mixed_bits(seed, position)
    return {
        "quotation_no": f"QT2026{position + 1:06d}",
        "name": f"{TRADES[bits % len(TRADES)]}报价 {position + 1}",
        "currency": CURRENCIES[bits % len(CURRENCIES)],
        "exchange_rate": "100.0000000000",
        "amount": f"{bits % 1_000_000 / 100:.10f}",
        "company_id": 500_000 + position,
        "quotation_date": _day(bits),
        "insurance_remark": _remark(bits),
        "lock_flag": "0",
        "approval_status": 1,
        "enable_flag": 1,
    }


def opportunity_fields(seed: int, position: int, _: GroupTree) -> dict[str, Any]:
    """An opportunity."""
    bits = mixed_bits(seed, position)
    return {
        "serial_id": f"O{position + 1}",
        "name": f"{TRADES[bits % len(TRADES)]}项目 {position + 1}",
        "main_user": 20001 + bits % 9,
        "company_id": 500_000 + position,
        "currency": CURRENCIES[bits % len(CURRENCIES)],
        "amount": bits % 1_000_000,
        "account_date": _day(bits)[:10],
        "stage_info": {"name": "初步接洽", "success_rate": 20},
        "remark": _remark(bits),
        "order_time": _day(bits),
    }


def lead_fields(seed: int, position: int, _: GroupTree) -> dict[str, Any]:
    """A lead: its list shows little."""
    bits = mixed_bits(seed, position)
    return {
        "serial_id": f"L{position + 1}",
        "name": _firm(bits, position),
        "short_name": TRADES[bits % len(TRADES)],
        "order_time": _day(bits),
        "edit_time": "1970-01-01 00:00:00",
    }


def receipt_fields(seed: int, position: int, _: GroupTree) -> dict[str, Any]:
    """A receipt of money; it has a number and no name."""
    bits = mixed_bits(seed, position)
    return {
        "cash_collection_no": f"HK2026{position + 1:06d}",
        "order_id": 600_000 + position,
        "collection_date": _day(bits)[:10],
        "amount": f"{bits % 1_000_000 / 100:.2f}",
        "currency": CURRENCIES[bits % len(CURRENCIES)],
        "comment": _remark(bits),
        "type": bits % 3,
        "payee": PEOPLE[bits % len(PEOPLE)],
        "collect_status": bits % 2,
    }


def purchase_order_fields(seed: int, position: int, _: GroupTree) -> dict[str, Any]:
    """An order to a supplier; it has a number and no name."""
    bits = mixed_bits(seed, position)
    return {
        "purchase_order_no": f"CG2026{position + 1:06d}",
        "status_info": {"id": "1118074438", "name": "草稿"},
        "supplier_info": {"supplier_id": 700_000 + position, "name": _firm(bits, position)},
        "purchase_date": _day(bits),
        "delivery_date": _day(bits + 1),
        "remark": _remark(bits),
        "amount": bits % 1_000_000 / 100,
        "product_total_count": bits % 900 + 1,
    }


def outbound_fields(seed: int, position: int, _: GroupTree) -> dict[str, Any]:
    """A delivery out of a warehouse; it has a number and no name."""
    bits = mixed_bits(seed, position)
    return {
        "serial_id": f"XSCK26{position + 1:06d}",
        "warehouse_invoice_time": _day(bits),
        "status": bits % 2 + 1,
        "remark": _remark(bits),
        "currency": CURRENCIES[bits % len(CURRENCIES)],
        "product_total_amount": bits % 1_000_000 / 100,
        "company_info": {"id": 500_000 + position, "name": _firm(bits, position)},
    }


def _firm(bits: int, position: int) -> str:
    city, trade = CITIES[bits % len(CITIES)], TRADES[bits // 7 % len(TRADES)]
    return f"{city}{trade}有限公司（{position + 1}）"


def _person(bits: int) -> dict[str, Any]:
    return {"user_id": 20001 + bits % 9, "nickname": PEOPLE[bits // 3 % len(PEOPLE)]}


def _remark(bits: int) -> str:
    return "" if bits % 9 == 0 else REMARKS[bits // 5 % len(REMARKS)]


def _day(bits: int) -> str:
    return _DAY % (bits % 12 + 1, bits // 11 % 28 + 1)
