#include "resolver/net/stream_wire.h"

#include <csignal>

#include "resolver/base/descriptors.h"

namespace cenote {
namespace {

// One read buffer a thread: libuv fills it and hands it to on_read before it asks again.
constexpr size_t kReadSize = 64 * 1024;
// Queue buffers beyond this are given back when they run empty: most streams never queue at all.
constexpr size_t kKeptQueue = 16 * 1024;

void ignore_sigpipe() {
  // libuv writes without MSG_NOSIGNAL: a peer that resets would end the process.
  static const auto ignored = std::signal(SIGPIPE, SIG_IGN);
  static_cast<void>(ignored);
}

}  // namespace

Stream::Wire::Wire(Loop& on, bool is_unix, Stream* stream_owner) : handle{}, loop(on), owner(stream_owner) {
  ignore_sigpipe();
  if (is_unix) {
    uv_pipe_init(loop.raw(), &pipe, 0);
  } else {
    uv_tcp_init(loop.raw(), &tcp);
  }
  handle.data = this;
}

// The owner hears of the end from the close callback, so never from within a call of its own.
void Stream::Wire::end_with(StreamEnd reason, std::string text) noexcept {
  if (!closing) {
    end = reason;
    why = std::move(text);
    close();
  }
}

void Stream::Wire::close() noexcept {
  if (closing) {
    return;
  }
  closing = true;
  uv_close(&handle, [](uv_handle_t* closed) {
    const std::unique_ptr<Wire> self(&of(closed->data));
    if (self->owner != nullptr) {
      self->owner->wire_ = nullptr;
      self->events->on_closed(self->end, self->why);
    }
  });
}

void Stream::Wire::begin() noexcept {
  connected = true;
  if (handle.type == UV_TCP) {
    uv_tcp_nodelay(&tcp, 1);  // Small answers must not wait for the peer's delayed acknowledgement.
    sockaddr_storage address{};
    int size = sizeof(address);
    if (uv_tcp_getsockname(&tcp, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
      owner->local_ = SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
    }
  }
}

void Stream::Wire::update_reading() noexcept {
  if (!connected || closing || has_fin) {
    return;
  }
  if (!reading) {
    uv_read_stop(&stream);
    return;
  }
  uv_read_start(
      &stream,
      [](uv_handle_t* from, size_t, uv_buf_t* buffer) {
        static thread_local const auto bytes = std::make_unique<char[]>(kReadSize);
        *buffer = uv_buf_init(bytes.get(), static_cast<unsigned>(of(from->data).take_share()));
      },
      [](uv_stream_t* from, ssize_t size, const uv_buf_t* buffer) {
        of(from->data).on_read(size, reinterpret_cast<const uint8_t*>(buffer->base));
      });
}

// How much may be read now. 0: its share of this turn is used up; libuv then reads nothing, reports
// UV_ENOBUFS, and asks again in the next turn.
size_t Stream::Wire::take_share() noexcept {
  if (read_turn != loop.turn()) {
    read_turn = loop.turn();
    read_bytes = 0;
    loop.count_reader();
    loop.doing("reading a connection");
  }
  const size_t share = std::min(loop.read_share(), kReadSize);
  return read_bytes < share ? share - read_bytes : 0;
}

void Stream::Wire::on_connected(int status) noexcept {
  if (!is_live()) {
    return;
  }
  if (status != 0) {
    end_with(is_want_of_room(-status) ? StreamEnd::kBroken : StreamEnd::kConnectFailed, uv_strerror(status));
    return;
  }
  begin();
  update_reading();
  survive([&] {
    if (tls != nullptr) {
      pump_tls();
      return;
    }
    events->on_ready();
    if (is_live()) {
      write_waiting();
    }
  });
}

void Stream::Wire::on_read(ssize_t size, const uint8_t* bytes) noexcept {
  if (size == 0 || size == UV_ENOBUFS || !is_live()) {
    return;  // Zero is libuv's "nothing now"; no buffer: the turn's share is used up.
  }
  if (size > 0) {
    read_bytes += static_cast<size_t>(size);
    loop.spend(static_cast<size_t>(size));
  }
  if (size == UV_EOF) {
    has_fin = true;
    survive([&] { end_by_peer(); });
  } else if (size < 0) {
    end_with(StreamEnd::kBroken, uv_strerror(static_cast<int>(size)));
  } else if (!finishing && !input_ended) {
    survive([&] { take({bytes, static_cast<size_t>(size)}); });
  }
}

void Stream::Wire::take(Bytes bytes) {
  if (tls == nullptr) {
    taking = true;
    events->on_bytes(bytes);
    taking = false;
    if (is_live() && tls != nullptr) {  // since this call
      pump_tls();
    }
  } else {
    events->on_cipher_text();
    tls->receive(bytes);
    pump_tls();
  }
}

// Takes the session as far as its input goes: handshake, plain text out, alerts and acknowledgements back.
void Stream::Wire::pump_tls() {
  static thread_local const auto plain = std::make_unique<std::array<uint8_t, TlsSession::kMaxRecord>>();
  for (;;) {
    const size_t size = tls->read(*plain);
    flush_tls();
    if (!is_live()) {
      return;
    }
    if (!tls_open && tls->is_open()) {
      tls_open = true;
      events->on_ready();
    }
    if (size == 0 || !is_live() || finishing) {
      break;
    }
    events->on_bytes(Bytes(*plain).first(size));
    if (!is_live()) {
      return;
    }
  }
  if (tls->is_failed()) {
    end_with(StreamEnd::kTlsFailed, std::string(tls->failure()));
  } else if (tls->is_closed_by_peer()) {
    end_by_peer();
  }
}

// Over TLS its last word may come together with what the owner is still busy with. Without TLS the kernel
// keeps it until the owner reads again. A peer that closes only its own side still reads what is owed to it
// (RFC 7766 section 6.2.3).
void Stream::Wire::end_by_peer() {
  is_ended = !reading;
  if (!reading) {
    return;
  }
  if (finishing && (!in_flight.empty() || !waiting.empty())) {
    return;  // the goodbye behind what is still to be sent ends it
  }
  const bool may_go_on = connected && !finishing && (tls == nullptr || tls_open);
  if (input_ended ? !finishing : may_go_on && events->on_end_of_input()) {
    input_ended = true;
  } else if (is_live()) {
    end_with(StreamEnd::kPeerClosed, "closed by the peer");
  }
}

void Stream::Wire::flush_tls() noexcept {
  write(tls->output());
  tls->clear_output();
}

void Stream::Wire::write(Bytes bytes) noexcept {
  if (closing || bytes.empty()) {
    return;
  }
  if (connected && in_flight.empty() && waiting.empty()) {
    const uv_buf_t buffer =
        uv_buf_init(const_cast<char*>(as_text(bytes).data()), static_cast<unsigned>(bytes.size()));
    const int written = uv_try_write(&stream, &buffer, 1);
    if (written < 0 && written != UV_EAGAIN) {
      end_with(StreamEnd::kBroken, uv_strerror(written));
      return;
    }
    bytes = bytes.subspan(static_cast<size_t>(std::max(written, 0)));
  }
  survive([&] {
    waiting.insert(waiting.end(), bytes.begin(), bytes.end());
    write_waiting();
  });
}

void Stream::Wire::write_waiting() noexcept {
  if (!connected || closing || !in_flight.empty() || waiting.empty()) {
    return;
  }
  in_flight.swap(waiting);
  const uv_buf_t buffer =
      uv_buf_init(reinterpret_cast<char*>(in_flight.data()), static_cast<unsigned>(in_flight.size()));
  const int status = uv_write(&writing, &stream, &buffer, 1, [](uv_write_t* done, int result) {
    of(done->handle->data).on_written(result);
  });
  if (status != 0) {
    end_with(StreamEnd::kBroken, uv_strerror(status));
  }
}

void Stream::Wire::on_written(int status) noexcept {
  in_flight.clear();
  if (in_flight.capacity() > kKeptQueue) {
    in_flight = {};
  }
  if (closing) {
    return;
  }
  if (status != 0) {
    end_with(StreamEnd::kBroken, uv_strerror(status));
    return;
  }
  write_waiting();
  if (in_flight.empty() && finishing) {
    say_goodbye();
  } else if (in_flight.empty() && owner != nullptr) {
    survive([&] { events->on_drained(); });
  }
}

void Stream::Wire::say_goodbye() noexcept {
  uv_shutdown(&shutting, &stream, [](uv_shutdown_t* done, int) {
    Wire& wire = of(done->handle->data);
    if (wire.has_fin) {
      wire.end_with(StreamEnd::kPeerClosed, "closed by the peer");
    }
  });
}

}  // namespace cenote
