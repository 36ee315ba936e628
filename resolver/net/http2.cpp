#include "resolver/net/http2.h"

#include <algorithm>

#include <fmt/format.h>

#include "resolver/net/http2_common.h"

namespace cenote {
namespace {

// A client that cancels is normal (a closed tab, a lost race of DoH queries); one that does hardly anything
// else makes us work for nothing: rapid reset, CVE-2023-44487.
constexpr uint64_t kResetBurst = 200;
constexpr uint64_t kResetsPerSecond = 20;
// Streams that the peer makes us reset, by faults in them, cost the same (CVE-2025-8671).
constexpr size_t kMostResetsByUs = 100;
// Uploads (feeds) would crawl with the 64 KiB of RFC 9113 section 6.9.2 on a long path. Bodies are bounded by
// body_limit(), not by the window.
constexpr uint32_t kStreamWindow = 256 * 1024;
constexpr int32_t kConnectionWindow = 1024 * 1024;

// So much of a streamed body that has been taken may stay in front of what has not.
constexpr size_t kMostTaken = 64 * 1024;

std::string_view text_of(const uint8_t* bytes, size_t size) {
  return as_text({bytes, size});
}

}  // namespace

struct Http2::Callbacks {
  static Http2& self(void* user) { return *static_cast<Http2*>(user); }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      Http2& http = self(user);
      Exchange& exchange = http.exchanges_[static_cast<uint32_t>(frame->hd.stream_id)];
      exchange.request = http.about_;
      exchange.body_started = http.now();
      if (http.held_bodies_ != nullptr) {
        exchange.held = HeldBodies::Share(*http.held_bodies_, http.about_.client.address());
      }
    }
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                    const uint8_t* value, size_t value_size, uint8_t, void* user) {
    const auto id = static_cast<uint32_t>(frame->hd.stream_id);
    Exchange* exchange = self(user).find(id);
    self(user).cost_.add_unpacked(name_size + value_size + 32);
    // Trailers are counted, read and dropped: nothing here needs them.
    const bool goes_on =
        exchange == nullptr || frame->headers.cat != NGHTTP2_HCAT_REQUEST ||
        self(user).take_header(id, *exchange, text_of(name, name_size), text_of(value, value_size));
    return goes_on && !self(user).cost_.unpacks_too_much() ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  // nghttp2 would drop the header and let the request pass; RFC 9113 section 8.2.1 calls it malformed.
  static int invalid_header(nghttp2_session*, const nghttp2_frame*, const uint8_t*, size_t, const uint8_t*,
                            size_t, uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  // A request with a fault is reset by nghttp2, which drops what still comes of its body without a word.
  static int invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void* user) {
    self(user).cost_.add_unseen(kStreamWindow);
    return 0;
  }

  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    const auto id = static_cast<uint32_t>(frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS) {
      self(user).cost_.add_head(frame->hd.length);  // with its CONTINUATION frames
    }
    Exchange* exchange = self(user).find(id);
    if (exchange == nullptr || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)) {
      return 0;
    }
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      self(user).end_head(id, *exchange, ends);
    } else if (ends) {
      self(user).end_request(id, *exchange);
    }
    return 0;
  }

  static int data_received(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t size,
                           void* user) {
    const auto stream = static_cast<uint32_t>(id);
    if (Exchange* exchange = self(user).find(stream)) {
      self(user).take_body(stream, *exchange, {bytes, size});
    }
    return 0;
  }

  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR) {
      ++self(user).resets_;
    }
    return 0;
  }

  static int stream_closed(nghttp2_session*, int32_t id, uint32_t, void* user) {
    if (const Exchange* exchange = self(user).find(static_cast<uint32_t>(id))) {
      self(user).unsent_ -= exchange->body.size() - exchange->body_start;
      self(user).exchanges_.erase(static_cast<uint32_t>(id));
    }
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, int32_t id, uint8_t* out, size_t size, uint32_t* flags,
                           nghttp2_data_source*, void* user) {
    bool ends = false;
    const long count = self(user).read_body(static_cast<uint32_t>(id), {out, size}, ends);
    *flags |= ends ? NGHTTP2_DATA_FLAG_EOF : NGHTTP2_DATA_FLAG_NONE;
    return count;
  }

  static nghttp2_session* make_session(Http2& self);
};

nghttp2_session* Http2::Callbacks::make_session(Http2& self) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
                                                          &SafeCallback<&Callbacks::begin_headers>::call);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &SafeCallback<&Callbacks::header>::call);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks,
                                                           &SafeCallback<&Callbacks::invalid_header>::call);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
      callbacks, &SafeCallback<&Callbacks::invalid_frame>::call);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                       &SafeCallback<&Callbacks::frame_received>::call);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                            &SafeCallback<&Callbacks::data_received>::call);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks,
                                                       &SafeCallback<&Callbacks::frame_sent>::call);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                         &SafeCallback<&Callbacks::stream_closed>::call);
  nghttp2_option* options = nullptr;
  nghttp2_option_new(&options);
  nghttp2_option_set_max_outbound_ack(options, kMostAcknowledgements);
  nghttp2_option_set_stream_reset_rate_limit(options, kResetBurst, kResetsPerSecond);
  nghttp2_option_set_no_closed_streams(options, 1);  // kept only for the old priorities
  nghttp2_session* session = nullptr;
  nghttp2_session_server_new2(&session, callbacks, &self, options);
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(callbacks);

  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, self.limits_.streams},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(self.limits_.header_bytes)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  return session;
}

void Http2::Free::operator()(nghttp2_session* session) const noexcept {
  nghttp2_session_del(session);
}

Http2::Http2(const HttpSite& site, const HttpLimits& limits, HttpRequest about, HeldBodies* held)
    : site_(site),
      limits_(limits),
      about_(std::move(about)),
      held_bodies_(held),
      session_(Callbacks::make_session(*this)) {}
Http2::~Http2() = default;

void Http2::take(Bytes bytes) {
  if (failed_) {
    return;
  }
  cost_.add_received(bytes.size(), now());
  // Faults of the peer are answered by nghttp2 with GOAWAY; what is left are floods and an exhausted memory.
  if (nghttp2_session_mem_recv(session_.get(), bytes.data(), bytes.size()) < 0) {
    end_with(NGHTTP2_PROTOCOL_ERROR);
  } else if (resets_ > kMostResetsByUs || cost_.chatters(counted_.requests)) {
    end_with(NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

void Http2::end_with(uint32_t error) noexcept {
  nghttp2_session_terminate_session(session_.get(), error);
  failed_ = true;
}

std::optional<HttpProtocol::Incoming> Http2::next_request() {
  while (!whole_.empty() && unsent_ <= limits_.unread) {
    const uint32_t id = whole_.front();
    whole_.pop_front();
    if (Exchange* exchange = find(id)) {  // it may have been reset meanwhile
      exchange->held.clear();             // the site's from now on
      return Incoming{id, std::move(exchange->request)};
    }
  }
  return std::nullopt;
}

void Http2::take_output(std::string& out, size_t most) {
  for (const size_t before = out.size(); out.size() - before < most;) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
    failed_ = failed_ || size < 0;
    if (size <= 0) {
      return;
    }
    out.append(text_of(bytes, static_cast<size_t>(size)));
    cost_.add_sent(static_cast<uint64_t>(size));
  }
}

Http2::Exchange* Http2::find(uint32_t id) {
  const auto found = exchanges_.find(id);
  return found == exchanges_.end() ? nullptr : &found->second;
}

void Http2::refuse(uint32_t id, Exchange& exchange, int status) {
  ++counted_.refused;
  exchange.is_refused = true;
  exchange.request.body = {};
  exchange.request.body_sink.reset();
  exchange.held.clear();
  HttpResponse response = error_response(status);
  exchange.body = std::move(response.body);
  unsent_ += exchange.body.size();
  exchange.has_ended = true;
  submit(id, exchange, response, false);
}

void Http2::submit(uint32_t id, Exchange& exchange, const HttpResponse& head, bool with_length) {
  exchange.has_started = true;
  const std::string status = std::to_string(head.status);
  const std::string length = std::to_string(exchange.body.size());
  std::vector<std::string> values;
  values.reserve(head.headers.size());  // header_pair points into it
  std::vector<nghttp2_nv> pairs{header_pair(":status", status)};
  for (const auto& [name, value] : head.headers) {
    if (!is_framing_header(name)) {
      pairs.push_back(header_pair(name, values.emplace_back(header_safe(value))));
    }
  }
  const bool has_no_body = head.status == 204 || head.status == 304;
  if (with_length && !has_no_body) {
    pairs.push_back(header_pair("content-length", length));
  }
  const bool head_only = has_no_body || exchange.is_head_request;
  const nghttp2_data_provider provider{{}, &SafeCallback<&Callbacks::read_body>::call};
  if (nghttp2_submit_response(session_.get(), static_cast<int32_t>(id), pairs.data(), pairs.size(),
                              head_only ? nullptr : &provider) == NGHTTP2_ERR_NOMEM) {
    end_with(NGHTTP2_INTERNAL_ERROR);
  }
}

void Http2::resume(uint32_t id, Exchange& exchange) {
  if (exchange.is_waiting) {
    exchange.is_waiting = false;
    nghttp2_session_resume_data(session_.get(), static_cast<int32_t>(id));
  }
}

long Http2::read_body(uint32_t id, MutableBytes out, bool& ends) {
  Exchange* exchange = find(id);
  if (exchange == nullptr) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  const size_t left = exchange->body.size() - exchange->body_start;
  const size_t size = std::min(left, out.size());
  std::copy_n(exchange->body.begin() + static_cast<ptrdiff_t>(exchange->body_start), size, out.begin());
  exchange->body_start += size;
  unsent_ -= size;
  if (size == left) {
    exchange->body.clear();
    exchange->body_start = 0;
    ends = exchange->has_ended;
    exchange->is_waiting = size == 0 && !ends;
  }
  return exchange->is_waiting ? long{NGHTTP2_ERR_DEFERRED} : static_cast<long>(size);
}

void Http2::respond(uint32_t id, HttpResponse response) {
  Exchange* exchange = find(id);
  // All that was with the site may be answered at once: of a peer that reads nothing the rest is reset.
  if (exchange != nullptr && !exchange->has_started && unsent_ > limits_.most_unread) {
    ++counted_.refused;
    abort(id);
    exchange->has_started = exchange->has_ended = true;  // the reset was its answer
    return;
  }
  if (exchange != nullptr && !exchange->has_started) {
    exchange->body = std::move(response.body);
    unsent_ += exchange->body.size();
    exchange->has_ended = true;
    submit(id, *exchange, response, true);
  }
}

void Http2::start(uint32_t id, HttpResponse head) {
  Exchange* exchange = find(id);
  if (exchange != nullptr && !exchange->has_started) {
    submit(id, *exchange, head, false);
  }
}

bool Http2::write(uint32_t id, std::string_view chunk) {
  Exchange* exchange = find(id);
  if (exchange == nullptr || !exchange->has_started || exchange->has_ended || exchange->is_head_request) {
    return true;
  }
  if (exchange->body.size() - exchange->body_start + chunk.size() > limits_.unsent_bytes) {
    return false;
  }
  // A reader who keeps up and never quite catches up would let it grow; moving no more than was taken is
  // cheap.
  if (exchange->body_start >= kMostTaken && exchange->body_start >= exchange->body.size() / 2) {
    exchange->body.erase(0, exchange->body_start);
    exchange->body_start = 0;
  }
  exchange->body += chunk;
  unsent_ += chunk.size();
  resume(id, *exchange);
  return true;
}

void Http2::finish(uint32_t id) {
  Exchange* exchange = find(id);
  if (exchange != nullptr && exchange->has_started) {
    exchange->has_ended = true;
    resume(id, *exchange);
  }
}

void Http2::abort(uint32_t id) {
  if (is_open(id)) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, static_cast<int32_t>(id),
                              NGHTTP2_INTERNAL_ERROR);
  }
}

bool Http2::is_open(uint32_t id) const {
  const auto found = exchanges_.find(id);
  return found != exchanges_.end() && !found->second.has_ended;
}

size_t Http2::unsent(uint32_t id) const {
  const auto found = exchanges_.find(id);
  return found == exchanges_.end() ? 0 : found->second.body.size() - found->second.body_start;
}

void Http2::go_away() {
  const int32_t last = nghttp2_session_get_last_proc_stream_id(session_.get());
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
}

void Http2::end_input() {
  input_ended_ = true;
  go_away();
}

HttpProgress Http2::progress() const {
  HttpProgress progress = counted_;
  using Phase = HttpProgress::Phase;
  progress.phase = exchanges_.empty() ? Phase::kIdle : Phase::kAnswering;
  for (const auto& [id, exchange] : exchanges_) {
    if (!exchange.is_whole) {
      progress.phase = Phase::kBody;
      const uint64_t received = exchange.body_size + exchange.discarded;
      progress.body_due = std::min(progress.body_due, body_due(limits_, exchange.body_started, received));
    }
    progress.is_unsent =
        progress.is_unsent || exchange.body.size() > exchange.body_start || exchange.has_ended;
  }
  const bool wants_more =
      nghttp2_session_want_read(session_.get()) != 0 || nghttp2_session_want_write(session_.get()) != 0;
  // Of a peer that sends no more no window opens, and no body comes to its end.
  const bool awaits_answers = std::any_of(exchanges_.begin(), exchanges_.end(), [](const auto& entry) {
    return entry.second.is_whole && !entry.second.has_ended;
  });
  progress.is_finished = failed_ || (input_ended_ && !awaits_answers)
                             ? nghttp2_session_want_write(session_.get()) == 0
                             : !wants_more;
  return progress;
}

}  // namespace cenote
