/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_LWM2M_PAYLOAD_INTERNAL_H
#define PROA_CORE_LWM2M_PAYLOAD_INTERNAL_H

/* What writing and reading of payloads must agree on. */

/* "65535:65535" */
#define PROA__LINK_TEXT_MAX 11

/* Seconds since 1970, RFC 8949 §3.4.2: how a Time stands in CBOR (Core 1.1 Appendix C). */
#define PROA__CBOR_TAG_TIME 1

#endif
