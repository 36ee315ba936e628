// What a source that names versions must come to: its list once, and then that nothing changed.
#pragma once

#include <atomic>
#include <string>

#include <catch2/catch.hpp>

#include "ioc/fetch.h"

namespace cenote::test {

// REQUIRES: the source has the list "evil.example" as version "v1".
inline void check_sent_once(FetchRequest request) {
  const std::atomic<bool> not_cancelled{false};
  const auto first = fetch(request, not_cancelled);
  INFO((first ? std::string() : first.error().message));
  REQUIRE(first);
  CHECK(first->body == "evil.example\n");
  CHECK(first->version == "etag \"v1\"");
  request.version = first->version;
  const auto again = fetch(request, not_cancelled);
  REQUIRE(again);
  CHECK(again->is_unchanged);
  CHECK(again->version == first->version);
}

}  // namespace cenote::test
