#include "resolver/net/http1.h"

#include <algorithm>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

#include "resolver/base/text.h"

namespace cenote {
namespace {

namespace beast = boost::beast::http;

// Memory that a connection keeps between requests.
constexpr size_t kKeptBuffer = 64 * 1024;

void release_if_large(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBuffer) {
    buffer.shrink_to_fit();
  }
}

bool has_no_body(int status) noexcept {
  return status == 204 || status == 304;
}

}  // namespace

Http1::Http1(const HttpSite& site, const HttpLimits& limits, HttpRequest about, HeldBodies* held)
    : site_(site), limits_(limits), about_(std::move(about)), held_bodies_(held) {}

void Http1::take(Bytes bytes) {
  if (!finished_) {
    input_.append(as_text(bytes));
  }
}

void Http1::consume(size_t count) {
  input_start_ += count;
  if (input_start_ == input_.size()) {
    release_if_large(input_);
    input_start_ = 0;
  } else if (input_start_ > kKeptBuffer) {
    input_.erase(0, input_start_);
    input_start_ = 0;
  }
}

std::optional<HttpProtocol::Incoming> Http1::next_request() {
  // One at a time: a pipelined request waits until the response before it has been taken.
  if (finished_ || answering_ || (!in_body_ && unsent() > 0)) {
    return std::nullopt;
  }
  if ((!in_body_ && !parse_head()) || !parse_body()) {
    finished_ = finished_ || input_ended_;  // what has begun does not come to its end
    return std::nullopt;
  }
  in_body_ = false;
  answering_ = true;
  held_.clear();  // the site's from now on
  return Incoming{++id_, std::move(request_)};
}

// Beast parses a head only when all of it is there, and accepts folded lines: both are seen to here, once per
// byte.
Http1::Scan Http1::scan_head() {
  for (std::string_view text = buffered(); scanned_ < text.size(); ++scanned_) {
    const char c = text[scanned_];
    const char before = scanned_ > line_start_ ? text[scanned_ - 1] : '\0';
    if (scanned_ >= limits_.header_bytes) {
      return Scan::kTooLarge;
    }
    if ((before == '\r') != (c == '\n')) {
      return Scan::kBad;  // a bare CR or LF (RFC 9112 section 2.2)
    }
    if (scanned_ == line_start_ && scanned_ > 0 && (c == ' ' || c == '\t')) {
      return Scan::kBad;  // obs-fold (RFC 9112 section 5.2)
    }
    if (c != '\n') {
      continue;
    }
    if (scanned_ == line_start_ + 1) {
      ++scanned_;
      return Scan::kComplete;
    }
    line_start_ = scanned_ + 1;
  }
  return Scan::kIncomplete;
}

bool Http1::parse_head() {
  if (!skipped_line_ && buffered().starts_with("\r\n")) {
    consume(2);  // one empty line before a request is skipped (RFC 9112 section 2.2)
    scanned_ = 0;
    skipped_line_ = true;
  }
  switch (scan_head()) {
    case Scan::kIncomplete:
      return false;
    case Scan::kBad:
      refuse(400);
      return false;
    case Scan::kTooLarge:
      refuse(431);
      return false;
    case Scan::kComplete:
      break;
  }
  ++counted_.requests;
  const int status = read_head();
  consume(scanned_);
  scanned_ = line_start_ = 0;
  skipped_line_ = false;
  if (status != 0) {
    refuse(status);
    return false;
  }
  in_body_ = true;
  body_started_ = now();
  body_received_ = 0;
  held_ = held_bodies_ == nullptr ? HeldBodies::Share()
                                  : HeldBodies::Share(*held_bodies_, request_.client.address());
  expect_continue();
  return in_body_;
}

// Takes the scanned head into request_. Returns 0, or the status to refuse it with.
int Http1::read_head() {
  // Beast reads the head alone. Its chunk decoder (1.74) asserts on "0 CR LF" that comes in pieces.
  beast::request_parser<beast::empty_body> parser;
  parser.header_limit(UINT32_MAX);  // limited by scan_head()
  parser.body_limit(UINT64_MAX);    // "no limit" would refuse every Content-Length in Beast 1.74
  boost::beast::error_code error;
  const std::string_view head = buffered().substr(0, scanned_);
  parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error || !parser.is_header_done()) {
    return error == beast::error::bad_version ? 505 : 400;
  }
  const auto& message = parser.get();
  if (message.version() != 10 && message.version() != 11) {
    return 505;
  }
  request_ = about_;
  request_.method = std::string(message.method_string());
  for (const auto& field : message) {
    const auto name = field.name_string();
    request_.headers.emplace_back(to_lower({name.data(), name.size()}), std::string(field.value()));
  }
  is_old_ = message.version() == 10;
  head_only_ = request_.method == "HEAD";
  closes_ = closes_ || is_old_ || !parser.keep_alive();

  const size_t hosts = message.count(beast::field::host);
  const size_t encodings = message.count(beast::field::transfer_encoding);
  const size_t lengths = message.count(beast::field::content_length);
  if (hosts > 1 || (hosts == 0 && !is_old_) || !read_host(request_.header("host"), request_.host)) {
    return 400;
  }
  // What is framed in two ways, or in one that we do not know, is read in two ways (RFC 9112 section 6.3).
  if (encodings > 0 && (encodings > 1 || lengths > 0 || is_old_ ||
                        !equal_ignoring_case(request_.header("transfer-encoding"), "chunked"))) {
    return 400;
  }
  if (lengths > 1 || (lengths == 1 && !parse_number(request_.header("content-length")))) {
    return 400;  // Beast takes "3, 3" for 3
  }
  const auto target = message.target();
  if (!read_target({target.data(), target.size()}, request_)) {
    return 400;
  }
  const size_t limit = site_.body_limit(request_);
  chunks_.reset();
  body_left_ = 0;
  if (encodings > 0) {
    chunks_.emplace(limit, limits_.header_bytes);
  } else if (lengths > 0) {
    body_left_ = *parse_number(request_.header("content-length"));
  }
  if (body_left_ > limit) {
    return site_.over_limit(request_);
  }
  request_.body_sink = site_.body_sink(request_);
  return 0;
}

void Http1::expect_continue() {
  const std::string_view expected = request_.header("expect");
  if (expected.empty() || is_old_) {
    return;
  }
  if (!equal_ignoring_case(expected, "100-continue")) {
    refuse(417);
  } else if ((chunks_ || body_left_ > 0) && buffered().empty()) {
    output_ += "HTTP/1.1 100 Continue\r\n\r\n";
  }
}

// True: the body is whole and with request_.
bool Http1::parse_body() {
  std::string_view input = buffered();
  std::string decoded;
  std::string_view piece;
  auto state = ChunkedBody::State::kDone;
  if (chunks_) {
    state = chunks_->read(input, decoded);
    piece = decoded;
  } else {
    piece = input.substr(0, static_cast<size_t>(std::min<uint64_t>(body_left_, input.size())));
    input.remove_prefix(piece.size());
    body_left_ -= piece.size();
    state = body_left_ > 0 ? ChunkedBody::State::kMore : ChunkedBody::State::kDone;
  }
  body_received_ += piece.size();
  counted_.body_bytes += piece.size();
  const bool has_room = take_body(request_, held_, piece);
  consume(buffered().size() - input.size());
  if (state == ChunkedBody::State::kBad || state == ChunkedBody::State::kTooLarge || !has_room) {
    refuse(!has_room ? 503 : state == ChunkedBody::State::kBad ? 400 : site_.over_limit(request_));
    return false;
  }
  return state == ChunkedBody::State::kDone;
}

// What follows a request that was not understood cannot be delimited either, so the connection ends with it.
void Http1::refuse(int status) {
  ++counted_.refused;
  in_body_ = false;
  closes_ = true;
  chunked_ = false;
  request_ = {};
  held_.clear();
  HttpResponse response = error_response(status);
  write_head(response, response.body.size());
  if (!head_only_) {
    output_ += response.body;
  }
  end_response();
}

void Http1::write_head(const HttpResponse& head, std::optional<size_t> body_size) {
  const auto reason = beast::obsolete_reason(static_cast<beast::status>(head.status));
  output_ += fmt::format("HTTP/1.1 {} {}\r\n", head.status, std::string_view(reason.data(), reason.size()));
  for (const auto& [name, value] : head.headers) {
    if (!is_framing_header(name)) {
      output_ += fmt::format("{}: {}\r\n", name, header_safe(value));
    }
  }
  if (body_size && !has_no_body(head.status)) {
    output_ += fmt::format("content-length: {}\r\n", *body_size);
  }
  if (chunked_) {
    output_ += "transfer-encoding: chunked\r\n";
  }
  output_ += closes_ ? "connection: close\r\n\r\n" : "\r\n";
}

void Http1::end_response() {
  answering_ = false;
  streaming_ = false;
  chunked_ = false;
  head_only_ = false;
  if (closes_) {
    finished_ = true;
    input_ = {};
    input_start_ = 0;
  }
}

void Http1::respond(uint32_t id, HttpResponse response) {
  if (!is_open(id) || streaming_) {
    return;
  }
  write_head(response, response.body.size());
  if (!head_only_ && !has_no_body(response.status)) {
    output_ += response.body;
  }
  end_response();
}

void Http1::start(uint32_t id, HttpResponse head) {
  if (!is_open(id) || streaming_) {
    return;
  }
  streaming_ = true;
  head_only_ = head_only_ || has_no_body(head.status);
  chunked_ = !is_old_ && !has_no_body(head.status);
  write_head(head, std::nullopt);
}

bool Http1::write(uint32_t id, std::string_view chunk) {
  if (!is_open(id) || !streaming_ || head_only_ || chunk.empty()) {
    return true;
  }
  if (unsent() + chunk.size() > limits_.unsent_bytes) {
    return false;
  }
  if (chunked_) {
    output_ += fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
  } else {
    output_ += chunk;
  }
  return true;
}

void Http1::finish(uint32_t id) {
  if (!is_open(id) || !streaming_) {
    return;
  }
  if (chunked_ && !head_only_) {
    output_ += "0\r\n\r\n";
  }
  end_response();
}

// Without its last chunk the reader knows that the body was cut short.
void Http1::abort(uint32_t id) {
  if (is_open(id)) {
    closes_ = true;
    end_response();
  }
}

void Http1::take_output(std::string& out, size_t most) {
  const size_t size = std::min(most, unsent());
  out.append(output_, output_start_, size);
  output_start_ += size;
  if (unsent() == 0) {
    release_if_large(output_);
    output_start_ = 0;
  } else if (output_start_ > kKeptBuffer && output_start_ >= output_.size() / 2) {
    // A reader who keeps up and never quite catches up would let it grow.
    output_.erase(0, output_start_);
    output_start_ = 0;
  }
}

void Http1::go_away() {
  closes_ = true;
  if (!answering_ && !in_body_ && buffered().empty()) {
    finished_ = true;
  }
}

void Http1::end_input() {
  input_ended_ = true;
}

HttpProgress Http1::progress() const {
  HttpProgress progress = counted_;
  using Phase = HttpProgress::Phase;
  progress.phase = answering_                             ? Phase::kAnswering
                   : in_body_                             ? Phase::kBody
                   : buffered().empty() && !skipped_line_ ? Phase::kIdle
                                                          : Phase::kHead;
  progress.body_due = in_body_ ? body_due(limits_, body_started_, body_received_) : MonoTime::max();
  progress.is_unsent = unsent() > 0;
  progress.is_finished = finished_ && unsent() == 0;
  progress.wants_input = buffered().empty() || (!answering_ && (in_body_ || unsent() == 0));
  return progress;
}

}  // namespace cenote
