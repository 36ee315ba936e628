#include "resolver/net/http2_client.h"

#include <algorithm>

#include "resolver/net/http2_common.h"

namespace cenote {
namespace {

// All answers that may be on their way at once fit in, so that none waits for a window update.
constexpr int32_t kAnswersWindow = 1 << 20;
constexpr size_t kMostTypeBytes = 100;

}  // namespace

struct Http2Client::Callbacks {
  static Http2Client& self(void* user) { return *static_cast<Http2Client*>(user); }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                    const uint8_t* value, size_t value_size, uint8_t, void* user) {
    Exchange* exchange = self(user).find(frame->hd.stream_id);
    if (exchange == nullptr) {
      return 0;
    }
    const std::string_view key = as_text({name, name_size});
    const std::string_view text = as_text({value, value_size});
    if (key == ":status") {
      exchange->response.status = static_cast<int>(parse_number(text, 999).value_or(0));
    } else if (key == "content-type" && text.size() <= kMostTypeBytes) {
      exchange->response.content_type = text;
    }
    return 0;
  }

  static int data(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t size, void* user) {
    Exchange* exchange = self(user).find(id);
    if (exchange == nullptr) {
      return 0;
    }
    std::vector<uint8_t>& body = exchange->response.body;
    if (body.size() + size > self(user).most_bytes_) {
      exchange->is_too_large = true;
      return 0;
    }
    body.insert(body.end(), bytes, bytes + size);
    return 0;
  }

  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      self(user).is_leaving_ = true;
    }
    return 0;
  }

  static int stream_closed(nghttp2_session*, int32_t id, uint32_t error, void* user) {
    Exchange* exchange = self(user).find(id);
    if (exchange != nullptr) {
      if (error != NGHTTP2_NO_ERROR || exchange->is_too_large) {
        exchange->response.status = 0;
      }
      exchange->response.is_refused = error == NGHTTP2_REFUSED_STREAM;
      self(user).done_.push_back(std::move(exchange->response));
      self(user).exchanges_.erase(id);
    }
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, int32_t id, uint8_t* out, size_t size, uint32_t* flags,
                           nghttp2_data_source*, void* user) {
    Exchange* exchange = self(user).find(id);
    if (exchange == nullptr) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    const size_t count = std::min(size, exchange->request.size() - exchange->sent);
    std::copy_n(exchange->request.begin() + static_cast<ptrdiff_t>(exchange->sent), count, out);
    exchange->sent += count;
    if (exchange->sent == exchange->request.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return static_cast<ssize_t>(count);
  }

  static nghttp2_session* make_session(Http2Client& self);
};

nghttp2_session* Http2Client::Callbacks::make_session(Http2Client& self) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &SafeCallback<&header>::call);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &SafeCallback<&data>::call);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &SafeCallback<&frame_received>::call);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &SafeCallback<&stream_closed>::call);
  nghttp2_option* options = nullptr;
  nghttp2_option_new(&options);
  nghttp2_option_set_max_outbound_ack(options, kMostAcknowledgements);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_session* session = nullptr;
  nghttp2_session_client_new2(&session, callbacks, &self, options);
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 8192},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<uint32_t>(self.most_bytes_)},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kAnswersWindow);
  return session;
}

void Http2Client::Free::operator()(nghttp2_session* session) const noexcept {
  nghttp2_session_del(session);
}

Http2Client::Http2Client(std::string authority, size_t most_bytes)
    : authority_(std::move(authority)), most_bytes_(most_bytes), session_(Callbacks::make_session(*this)) {}
Http2Client::~Http2Client() = default;

Http2Client::Exchange* Http2Client::find(int32_t id) {
  const auto found = exchanges_.find(id);
  return found == exchanges_.end() ? nullptr : &found->second;
}

uint32_t Http2Client::post(std::string_view path, std::string_view media_type, Bytes body) {
  if (is_leaving_) {
    return 0;
  }
  const std::string length = std::to_string(body.size());
  const std::vector<nghttp2_nv> headers{
      header_pair(":method", "POST"),        header_pair(":scheme", "https"),
      header_pair(":authority", authority_), header_pair(":path", path),
      header_pair("accept", media_type),     header_pair("content-type", media_type),
      header_pair("content-length", length),
  };
  const nghttp2_data_provider provider{{}, &SafeCallback<&Callbacks::read_body>::call};
  const int32_t id =
      nghttp2_submit_request(session_.get(), nullptr, headers.data(), headers.size(), &provider, nullptr);
  if (id <= 0) {
    return 0;  // every stream id of this connection is used up
  }
  Exchange& exchange = exchanges_[id];
  exchange.request.assign(body.begin(), body.end());
  exchange.response.id = static_cast<uint32_t>(id);
  return static_cast<uint32_t>(id);
}

void Http2Client::cancel(uint32_t id) {
  if (exchanges_.erase(static_cast<int32_t>(id)) != 0) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, static_cast<int32_t>(id), NGHTTP2_CANCEL);
  }
}

void Http2Client::receive(Bytes bytes) {
  is_broken_ = is_broken_ || nghttp2_session_mem_recv(session_.get(), bytes.data(), bytes.size()) < 0;
}

// A fault of the server is answered by nghttp2 with GOAWAY, after which it wants to read no more.
bool Http2Client::is_usable() const {
  return !is_broken_ && !is_leaving_ && nghttp2_session_want_read(session_.get()) != 0;
}

void Http2Client::take_output(std::string& out) {
  while (true) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
    if (size <= 0) {
      return;
    }
    out.append(as_text({bytes, static_cast<size_t>(size)}));
  }
}

std::optional<Http2Client::Response> Http2Client::next() {
  if (done_.empty()) {
    return std::nullopt;
  }
  std::optional<Response> response(std::move(done_.front()));
  done_.pop_front();
  return response;
}

}  // namespace cenote
