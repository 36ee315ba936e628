#include "resolver/listen/doh_request.h"

#include <algorithm>

#include "resolver/base/base64.h"
#include "resolver/base/text.h"
#include "resolver/dns/types.h"
#include "resolver/policy/clients.h"

namespace cenote {
namespace {

// A media type may carry parameters and any letter case (RFC 9110 section 8.3.1).
bool is_dns_message(std::string_view type) {
  return equal_ignoring_case(trim(type.substr(0, type.find(';'))), kDnsMediaType);
}

// False: it is none of ours. `name`: what follows "/dns-query/".
bool read_path(std::string_view path, bool names_clients, std::string_view& name) noexcept {
  if (!path.starts_with(kDohPath)) {
    return false;
  }
  path.remove_prefix(kDohPath.size());
  if (path.empty()) {
    return true;
  }
  name = path.substr(1);
  return names_clients && path.front() == '/' && is_client_name(name);
}

}  // namespace

DohQuery read_doh_query(const HttpRequest& request, bool paths_name_clients, MutableBytes out) noexcept {
  DohQuery query;
  if (!read_path(request.path, paths_name_clients, query.client_name)) {
    return {404};
  }
  if (request.method == "POST") {
    if (!is_dns_message(request.header("content-type"))) {
      return {415};
    }
    query.size = std::min(request.body.size(), out.size());
    std::copy_n(request.body.begin(), query.size, out.begin());
  } else if (request.method == "GET" || request.method == "HEAD") {
    const auto text = request.parameter("dns");
    const auto decoded = text ? decode_base64url(*text, out) : std::nullopt;
    if (!decoded) {
      return {400};
    }
    query.size = *decoded;
  } else {
    return {405};
  }
  const bool is_query = query.size >= kHeaderBytes && (out[2] & (flag::kQr >> 8)) == 0;
  query.status = is_query ? 200 : 400;
  return query;
}

}  // namespace cenote
