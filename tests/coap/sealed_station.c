/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/coap/sealed_station.h"

#include "proa/oscore.h"

station s;
fake_sealed seals;
uint16_t last_mid;

int sealed_start(void **state)
{
    (void)state;
    station_config(&s);
    s.config.oscore = fake_sealed_start(&seals);
    s.config.message_max = 512;
    last_mid = 100;
    assert_int_equal(seals.table.add(&seals, ACCOUNT, NULL, true), PROA_OK);
    station_open(&s);
    return 0;
}

int sealed_end(void **state)
{
    (void)state;
    station_close(&s);
    return 0;
}

void sealed_again(void)
{
    proa_coap_config config = s.config;
    station_close(&s);
    s.config = config;
    station_open(&s);
}

proa_coap_peer place(uint8_t host, uint32_t session)
{
    proa_coap_peer peer = bob;
    peer.addr.ip[15] = host;
    peer.session = session;
    return peer;
}

size_t seal(const letter *l, uint8_t number, uint8_t *out, size_t cap)
{
    uint8_t buf[PROA_DATAGRAM_MAX];
    return fake_sealed_write(1, number, proa_span_make(buf, letter_write(l, buf, sizeof buf)), out,
                             cap);
}

void tell_sealed(const proa_coap_peer *from, uint8_t number, letter l)
{
    uint8_t out[PROA_DATAGRAM_MAX];
    l.mid = l.mid == 0 ? ++last_mid : l.mid;
    tell_bytes(&s, from, out, seal(&l, number, out, sizeof out));
}

void tell_empty(const proa_coap_peer *from, proa_coap_type type, uint16_t mid)
{
    letter l = {.type = type, .mid = mid};
    tell(&s, from, &l);
}

void goes_to(const heard *h, const proa_coap_peer *where)
{
    assert_int_equal(h->to.session, where->session);
    assert_true(proa_addr_equal(&h->to.addr, &where->addr));
}
