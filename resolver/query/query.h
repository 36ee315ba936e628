// One query of a client, in progress, and how it ended for the counters. Lives on the stack of one call while
// it can be answered at once; only what must wait for an upstream is copied (see InFlight).
#pragma once

#include "resolver/cache/answer_cache.h"
#include "resolver/dns/query_message.h"
#include "resolver/policy/policy.h"
#include "resolver/query/reply_path.h"

namespace cenote {

struct Query {
  // Not an aggregate: that would clear all its thousand bytes, though few are read before they are written.
  Query(const ReplyPath& reply_path, MutableBytes answer, Bytes received) noexcept
      : path(reply_path), buffer(answer), packet(received) {}

  const ReplyPath& path;
  MutableBytes buffer;  // begins with the query; the answer is written over it
  Bytes packet;         // the query as received, in `buffer`
  QueryMessage message;
  Policy::Asker asker;
  Verdict verdict;
  CacheKey key;              // from the look-up in the cache on
  uint64_t unlisted_in = 0;  // the snapshot that has no entry for the name; 0: none is known
  bool has_stale = false;    // the cache has something that is not fresh any more

  [[nodiscard]] bool is_datagram() const noexcept { return path.transport == Transport::kUdp; }
  [[nodiscard]] bool is_encrypted() const noexcept {
    return path.transport == Transport::kDot || path.transport == Transport::kDoh;
  }
  // How large its answer may be.
  [[nodiscard]] size_t limit() const noexcept {
    return is_datagram() ? message.udp_limit() : std::min(buffer.size(), kMaxMessageBytes);
  }
};

}  // namespace cenote
