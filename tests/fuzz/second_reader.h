// What the fuzz targets of answers share: ldns as a second reader, and the end of a run that found something.
#pragma once

#include <cstdlib>

#include "resolver/base/bytes.h"
#include "resolver/dns/ldns_headers.h"

namespace cenote {

inline void require(bool truth) {
  if (!truth) {
    std::abort();
  }
}

inline bool ldns_reads(Bytes message) {
  ldns_pkt* packet = nullptr;
  const bool ok = ldns_wire2pkt(&packet, message.data(), message.size()) == LDNS_STATUS_OK;
  if (ok) {
    ldns_pkt_free(packet);
  }
  return ok;
}

}  // namespace cenote
