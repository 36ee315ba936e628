#include "resolver/net/http.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "resolver/base/text.h"
#include "resolver/net/http_protocol.h"

namespace cenote {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// RFC 3986 section 3.2.2, without the rare sub-delims that no host name has and that HTML or a log could
// misread.
bool is_host_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '_';
}

HttpResponse with_type(int status, const char* type, std::string body) {
  return {status, {{"content-type", type}}, std::move(body)};
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [name](const auto& one) { return one.first == name; });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<std::string> HttpRequest::parameter(std::string_view name) const {
  for (const std::string_view pair : split(query, '&')) {
    const size_t equals = pair.find('=');
    std::string key(pair.substr(0, equals));
    std::replace(key.begin(), key.end(), '+', ' ');
    if (percent_decoded(key) != name) {
      continue;
    }
    std::string value(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    std::replace(value.begin(), value.end(), '+', ' ');
    return percent_decoded(value);
  }
  return std::nullopt;
}

HttpResponse HttpResponse::text(int status, std::string body) {
  return with_type(status, "text/plain; charset=utf-8", std::move(body));
}

HttpResponse HttpResponse::json(int status, std::string body) {
  return with_type(status, "application/json", std::move(body));
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : hex_digit(text[i + 2]);
    if (low < 0) {
      decoded += text[i];
      continue;
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

bool read_host(std::string_view text, std::string& host) {
  std::string_view name = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t bracket = text.find(']');
    name = text.substr(1, std::max<size_t>(bracket, 1) - 1);
    port = bracket == std::string_view::npos ? text : text.substr(bracket + 1);
    // The zone of a link-local address is the client's own affair (RFC 6874); some send it all the same.
    const std::string_view zone = name.substr(std::min(name.find('%'), name.size()));
    name.remove_suffix(zone.size());
    const auto address = IpAddress::from_text(name);
    const bool zone_is_good =
        zone.empty() ||
        (address && is_link_local(*address) && zone.size() > 1 &&
         std::all_of(zone.begin(), zone.end(), [](char c) { return c == '%' || is_host_character(c); }));
    if (!address || !zone_is_good) {
      return false;
    }
  } else {
    const size_t colon = text.find(':');
    name = text.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    if (!std::all_of(name.begin(), name.end(), is_host_character)) {
      return false;
    }
  }
  const bool port_is_good =
      port.empty() || port == ":" || (port[0] == ':' && parse_number(port.substr(1), 65535));
  host = to_lower(name);
  return port_is_good;
}

bool read_target(std::string_view target, HttpRequest& request) {
  if (target == "*" && request.method == "OPTIONS") {
    request.path = target;
    return true;
  }
  const size_t scheme = target.find("://");
  if (!target.starts_with('/') && scheme != std::string_view::npos) {
    // Absolute form, as sent to a proxy: its host counts, not the Host header (RFC 9112 section 3.2.2).
    const std::string_view rest = target.substr(scheme + 3);
    const size_t slash = rest.find_first_of("/?");
    if (!read_host(rest.substr(0, slash), request.host)) {
      return false;
    }
    target = slash == std::string_view::npos ? "/" : rest.substr(slash);
    if (target.starts_with('?')) {
      request.path = "/";
      request.query = target.substr(1);
      return true;
    }
  }
  if (!target.starts_with('/')) {
    return false;
  }
  target =
      target.substr(0, target.find('#'));  // never sent by a good client; must not become part of the path
  const size_t mark = target.find('?');
  request.path = percent_decoded(target.substr(0, mark));
  request.query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  return true;
}

std::string header_safe(std::string_view value) {
  std::string safe(value);
  std::replace_if(
      safe.begin(), safe.end(), [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7F; }, ' ');
  return safe;
}

bool is_framing_header(std::string_view name) noexcept {
  return name == "content-length" || name == "transfer-encoding" || name == "connection" ||
         name == "keep-alive" || name == "upgrade";
}

HttpResponse error_response(int status) {
  const auto* text = status == 401   ? "No token, an unknown one, or one that has expired.\n"
                     : status == 403 ? "This token lacks the scope for this.\n"
                     : status == 413 ? "The body is larger than is accepted here.\n"
                     : status == 417 ? "This expectation cannot be met.\n"
                     : status == 431 ? "The header is larger than is accepted here.\n"
                     : status == 500 ? "The server failed to answer.\n"
                     : status == 503 ? "There is no room for this body now. Try again later.\n"
                     : status == 505 ? "This HTTP version is not spoken here.\n"
                                     : "This request is not valid HTTP.\n";
  HttpResponse response = HttpResponse::text(status, text);
  if (status == 401) {
    response.headers.emplace_back("www-authenticate", "Bearer");
  }
  return response;
}

bool take_body(HttpRequest& request, HeldBodies::Share& held, std::string_view piece) {
  if (request.body_sink != nullptr) {
    return piece.empty() || request.body_sink->take(as_bytes(piece));
  }
  if (!held.add(piece.size())) {
    return false;
  }
  request.body += piece;
  return true;
}

MonoTime body_due(const HttpLimits& limits, MonoTime started, uint64_t received) {
  const milliseconds at_least_rate(received * 1000 / std::max<size_t>(limits.least_rate, 1));
  return started + std::min(limits.whole_body, limits.grace + at_least_rate);
}

// Not strftime: that follows the locale.
std::string http_date(WallTime time) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t when = unix_seconds(time);
  std::tm parts{};
  gmtime_r(&when, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace cenote
