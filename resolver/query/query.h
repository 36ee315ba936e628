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
  QueryStatus status = QueryStatus::kOk;
  bool is_stranger = false;  // its client may not ask
  Policy::Asker asker;
  Verdict verdict;
  bool has_upstream = false;  // for the name's zone; from the look-up in the cache on, as what follows
  CacheKey key;               // where there is one
  MonoTime looked_up;         // when
  AnswerCache::Entry* known = nullptr;  // what the cache has to say, until something changes the cache
  bool has_stale = false;               // it has something that is not fresh any more
  uint32_t clear_under = 0;             // the pipeline's rules under which the name is not listed; 0: none

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
