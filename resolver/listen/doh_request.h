// What makes an HTTP request a DNS query (RFC 8484 section 4.1): GET or POST of /dns-query, and of
// /dns-query/NAME where clients name themselves so. Pure.
#pragma once

#include <string_view>

#include "resolver/base/bytes.h"
#include "resolver/net/http.h"

namespace cenote {

constexpr std::string_view kDohPath = "/dns-query";
constexpr std::string_view kDnsMediaType = "application/dns-message";  // RFC 8484 section 6

struct DohQuery {
  int status = 200;                   // otherwise what is wrong
  size_t size = 0;                    // of the message
  std::string_view client_name = {};  // a part of the request's path, or empty
};

// Writes the message into `out`, which has room for any.
DohQuery read_doh_query(const HttpRequest& request, bool paths_name_clients, MutableBytes out) noexcept;

}  // namespace cenote
