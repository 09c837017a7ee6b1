"""WeCom: payments outside the store, and the merchant's fund flow."""

from typing import Any

import numpy as np

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import DAY_MS, HOUR_MS, SECOND_MS, day_number, day_start_ms
from sandbox.vendors.common import Refusal
from sandbox.vendors.wecom_door import ACCOUNT, OK, Endpoint, page, window
from sandbox.world.organisation import UNSEEN_PAYEE
from sandbox.world.payments import ITEMS, MERCHANT, PAYMENT, REFUND

_BILL_DAYS, _FLOW_DAYS = 31, 31
_KEPT_MS = 3 * 365 * DAY_MS
_FIRST_FLOW_MS = 1_669_824_000_000  # 2022-12-01
_FLOW_READY_MS = DAY_MS + 11 * HOUR_MS
_MINI_PROGRAM = {"appid": "wxsandboxmini00001", "name": "思域会员中心"}


class PayApi:
    """Rows of payees whom the app may not see are taken out after paging: pages can be short."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._version = -1

    def endpoints(self) -> list[Endpoint]:
        """Two endpoints."""
        return [
            Endpoint("externalpay/get_bill_list", self._bills, empty="bill_list"),
            Endpoint("externalpay/get_fund_flow", self._flow, empty="fund_flow_list"),
        ]

    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        state, p = self.state, self.state.world.payments
        if self._version < 0:
            number = np.arange(len(p.paid_ms))
            refunded = np.flatnonzero(p.refund_fen > 0)
            moment = np.concatenate([p.paid_ms, p.refunded_ms[refunded]])
            order = np.argsort(moment, kind="stable")
            self._bill = np.concatenate([number, refunded])[order]
            self._is_refund = (np.arange(len(moment)) >= len(number))[order]
            self._bill_ms = moment[order]
        held = state.faults_of("wecom", ACCOUNT, "bill")
        self._bill_shown = (
            faults.effective(held, self._bill_ms, day_number(self._bill_ms)) <= state.now_ms
        )
        ready = day_start_ms(day_number(p.flow_ms)) + _FLOW_READY_MS
        held = state.faults_of("wecom", ACCOUNT, "fund_flow")
        self._flow_shown = faults.effective(held, ready, day_number(p.flow_ms)) <= state.now_ms
        self._version = state.version

    def _bills(self, body: dict) -> dict:
        self._refresh()
        p, staff = self.state.world.payments, self.state.world.staff
        start, end = window(body, "begin_time", "end_time", _BILL_DAYS)
        payee = body.get("payee_userid") or ""
        if payee == UNSEEN_PAYEE:
            raise Refusal(660003, "userid not in the app's visible range")
        if payee and payee not in staff:
            raise Refusal(660002, "invalid payee userid")
        # closed at both ends; refund rows count on the day of the refund
        wanted = self._bill_shown & (self._bill_ms >= start) & (self._bill_ms < end + SECOND_MS)
        if payee:
            wanted &= p.staff[self._bill] == staff.index(payee)
        rows = np.flatnonzero(wanted)
        part, cursor = page(body, len(rows), [start, end, payee], default=100, most=1_000)
        seen = [row for row in rows[part].tolist() if p.staff[self._bill[row]] >= 0]
        more = {"next_cursor": cursor} if cursor else {}
        return OK | more | {"bill_list": [self._row(row) for row in seen]}

    def _row(self, row: int) -> dict:
        world, p = self.state.world, self.state.world.payments
        n, refund = int(self._bill[row]), bool(self._is_refund[row])
        bill: dict[str, Any] = {
            "transaction_id": str(p.transaction_id[n]),
            "bill_type": int(refund),
            "pay_time": int(p.paid_ms[n]) // SECOND_MS,
            "out_trade_no": str(p.out_trade_no[n]),
            "total_fee": int(p.total_fen[n]),
            "payee_userid": world.staff[p.staff[n]],
            "payment_type": int(p.kind[n]),
            "mch_id": MERCHANT,
            "remark": "退款" if refund else ITEMS[p.item[n]][0],
        }
        if p.person[n] >= 0:
            bill["external_userid"] = str(world.persons.external_userid[p.person[n]])
        if bill["payment_type"] == 15:
            bill["miniprogram_info"] = dict(_MINI_PROGRAM)
        now = self.state.now_ms
        if refund:
            fee = int(p.refund_fen[n])
            bill |= {
                "pay_time": int(p.refunded_ms[n]) // SECOND_MS,
                "out_refund_no": str(p.out_refund_no[n]),
                "total_fee": fee,
                "total_refund_fee": fee,
            }
            return bill
        done, asked = p.refunded_ms[n] <= now, p.refund_asked_ms[n] <= now
        bill |= {
            "trade_state": 3 if done else 1,
            "commodity_list": [{"description": ITEMS[p.item[n]][0], "amount": int(p.quantity[n])}],
            "total_refund_fee": int(p.refund_fen[n]) if done else 0,
            "contact_info": {},
        }
        if asked:
            bill["refund_list"] = [
                {
                    "out_refund_no": str(p.out_refund_no[n]),
                    "refund_userid": bill["payee_userid"],
                    "refund_comment": "客户申请退款",
                    "refund_reqtime": int(p.refund_asked_ms[n]) // SECOND_MS,
                    "refund_status": 2 if done else 1,
                    "refund_fee": int(p.refund_fen[n]),
                }
            ]
        return bill

    def _flow(self, body: dict) -> dict:
        self._refresh()
        world, p, now = self.state.world, self.state.world.payments, self.state.now_ms
        start, end = window(body, "begin_time", "end_time", _FLOW_DAYS)
        if start < max(_FIRST_FLOW_MS, now - _KEPT_MS):
            raise Refusal(40058, "begin_time. invalid Request Parameter")
        merchant = body.get("mch_id") or ""
        if merchant and not (isinstance(merchant, str) and merchant.isdigit()):
            raise Refusal(660001, "invalid mch_id")
        if merchant not in ("", MERCHANT):
            raise Refusal(660011, "mch_id is not bound")
        wanted = self._flow_shown & (p.flow_ms >= start) & (p.flow_ms < end + SECOND_MS)
        rows = np.flatnonzero(wanted)
        part, cursor = page(body, len(rows), [start, end, merchant], default=100, most=200)
        flow = []
        for row in rows[part].tolist():
            n = int(p.flow_payment[row])
            if n >= 0 and p.staff[n] < 0:
                continue  # an operator outside the visible range
            kind = int(p.flow_kind[row])
            number = p.out_refund_no if kind == REFUND else p.out_trade_no
            flow.append(
                {
                    "timestamp": int(p.flow_ms[row]) // SECOND_MS,
                    "request_no": f"{row:08d}{kind}",
                    "transaction_type": kind,
                    "fund_flow_type": 1 if kind == PAYMENT else 2,
                    "transaction_amount": int(p.flow_fen[row]),
                    "account_balance": int(p.flow_balance_fen[row]),
                    "out_trade_no": str(number[n]) if n >= 0 else "",
                    "mch_id": MERCHANT,
                    "operator_userid": world.staff[p.staff[n]] if n >= 0 else "opsmanager",
                    "remark": "",
                }
            )
        more = {"next_cursor": cursor} if cursor else {}
        return OK | more | {"fund_flow_list": flow}
