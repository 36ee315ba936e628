// How an HTTP/2 request comes: its head, its body, its end, or its refusal.
#include <utility>

#include "resolver/net/http2.h"
#include "resolver/net/http2_common.h"

namespace cenote {
namespace {

// What a refused upload may still send. A peer stops by itself when it reads the refusal; RST_STREAM right
// behind that (RFC 9113 section 8.1 allows it) makes curl 7.88 drop the response unread.
constexpr size_t kMostDiscarded = 1024 * 1024;
// A head this many times larger than the limit that our SETTINGS name is no mistake.
constexpr size_t kMostOverLimit = 4;

}  // namespace

bool Http2::take_header(uint32_t id, Exchange& exchange, std::string_view name, std::string_view value) {
  // Counted as RFC 9113 section 6.5.2 says; kept is only what is within the limit.
  exchange.header_size += name.size() + value.size() + 32;
  if (exchange.is_refused) {
    return exchange.header_size <= kMostOverLimit * limits_.header_bytes;
  }
  if (exchange.header_size > limits_.header_bytes) {
    refuse(id, exchange, 431);
    return true;
  }
  exchange.request.headers.emplace_back(name, value);
  return true;
}

void Http2::end_head(uint32_t id, Exchange& exchange, bool ends_stream) {
  ++counted_.requests;
  exchange.is_whole = ends_stream;
  const int status = exchange.is_refused ? 0 : head_status(exchange);
  if (status != 0) {
    refuse(id, exchange, status);
  }
  if (ends_stream) {
    end_request(id, exchange);
  } else if (!exchange.is_refused && exchange.request.header("expect") == "100-continue") {
    const nghttp2_nv go_on = header_pair(":status", "100");
    nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, static_cast<int32_t>(id), nullptr, &go_on, 1,
                           nullptr);
  }
}

// Reads the pseudo headers (RFC 9113 section 8.3.1). Returns 0, or the status to refuse with.
int Http2::head_status(Exchange& exchange) {
  HttpRequest& request = exchange.request;
  std::string target;
  std::string authority;
  std::erase_if(request.headers, [&](auto& header) {
    if (header.first == ":method") {
      request.method = std::move(header.second);
    } else if (header.first == ":path") {
      target = std::move(header.second);
    } else if (header.first == ":authority") {
      authority = std::move(header.second);
    }
    return header.first.starts_with(':');
  });
  exchange.is_head_request = request.method == "HEAD";
  if (authority.empty()) {
    authority = request.header("host");
  }
  if (authority.empty() || !read_host(authority, request.host) || !read_target(target, request)) {
    return 400;
  }
  exchange.body_limit = site_.body_limit(request);
  const auto promised = parse_number(request.header("content-length"));
  if (promised && *promised > exchange.body_limit) {
    return site_.over_limit(request);
  }
  request.body_sink = site_.body_sink(request);
  return 0;
}

void Http2::take_body(uint32_t id, Exchange& exchange, Bytes bytes) {
  counted_.body_bytes += bytes.size();
  cost_.add_body(bytes.size());
  if (exchange.is_refused) {
    exchange.discarded += bytes.size();
    if (exchange.discarded > kMostDiscarded && !std::exchange(exchange.is_reset, true)) {
      nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, static_cast<int32_t>(id),
                                NGHTTP2_NO_ERROR);
    }
    return;
  }
  exchange.body_size += bytes.size();
  if (exchange.body_size > exchange.body_limit) {
    refuse(id, exchange, site_.over_limit(exchange.request));
  } else if (!cenote::take_body(exchange.request, exchange.held, as_text(bytes))) {
    refuse(id, exchange, 503);
  }
}

void Http2::end_request(uint32_t id, Exchange& exchange) {
  exchange.is_whole = true;
  if (!exchange.is_refused) {
    whole_.push_back(id);
  }
}

}  // namespace cenote
