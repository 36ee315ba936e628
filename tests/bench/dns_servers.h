// The two servers beside the ones that are measured: an echo, which is the floor of every UDP server, and an
// upstream that answers every question at once. One thread each; both run until they are killed.
#pragma once

#include "tests/bench/dns_wire.h"

namespace cenote::bench {

// Calls `answer(buffer, size) -> size` for each datagram and sends what it returns; 0 is silence.
template <typename Answer>
[[noreturn]] void serve(uint16_t port, Answer&& answer) {
  const int descriptor = open_socket();
  const sockaddr_in address = loopback(port);
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    die("bind port " + std::to_string(port));
  }
  static Batch batch;
  for (;;) {
    batch.aim_to_receive(true);
    const int received = recvmmsg(descriptor, batch.headers.data(), kBatch, MSG_WAITFORONE, nullptr);
    if (received < 0 && errno != EINTR) {
      die("receive");
    }
    unsigned count = 0;
    for (size_t i = 0; i < static_cast<size_t>(std::max(received, 0)); ++i) {
      const size_t size = answer(batch.buffers[i], batch.headers[i].msg_len);
      if (size != 0) {
        batch.vectors[i].iov_len = size;
        batch.headers[count++].msg_hdr = batch.headers[i].msg_hdr;
      }
    }
    for (unsigned done = 0; done < count;) {
      const int sent = sendmmsg(descriptor, batch.headers.data() + done, count - done, MSG_NOSIGNAL);
      done += sent > 0 ? static_cast<unsigned>(sent) : 1;  // one that cannot be sent is skipped
    }
  }
}

// Flips the QR bit and nothing else: what is left is the kernel's cost.
[[noreturn]] inline void run_echo(uint16_t port) {
  serve(port, [](std::array<uint8_t, kPacket>& packet, size_t size) {
    if (size < kHeader) {
      return size_t{0};
    }
    packet[2] |= 0x80;
    return size;
  });
}

// Where the question ends, or 0. No pointers: a question has none.
inline size_t question_end(const std::array<uint8_t, kPacket>& packet, size_t size) {
  size_t at = kHeader;
  while (at < size && packet[at] != 0) {
    at += size_t{1} + packet[at];
  }
  return at + 5 <= size ? at + 5 : 0;
}

// Answers a question of type A with one address, any other with none; OPT is answered with OPT.
[[noreturn]] inline void run_upstream(uint16_t port, uint32_t ttl) {
  serve(port, [ttl](std::array<uint8_t, kPacket>& packet, size_t size) {
    const size_t end = size < kHeader ? 0 : question_end(packet, size);
    if (end == 0 || end + 16 + kOpt.size() > kPacket || (packet[2] & 0x80) != 0) {
      return size_t{0};
    }
    const bool has_opt = packet[11] != 0;
    const bool is_a = packet[end - 4] == 0 && packet[end - 3] == 1;
    packet[2] = static_cast<uint8_t>(0x80 | (packet[2] & 1));
    packet[3] = 0x80;
    packet[7] = is_a ? 1 : 0;
    const std::array<uint8_t, 16> record{0xC0,
                                         kHeader,
                                         0,
                                         1,
                                         0,
                                         1,
                                         static_cast<uint8_t>(ttl >> 24),
                                         static_cast<uint8_t>(ttl >> 16),
                                         static_cast<uint8_t>(ttl >> 8),
                                         static_cast<uint8_t>(ttl),
                                         0,
                                         4,
                                         192,
                                         0,
                                         2,
                                         1};
    size_t length = end;
    if (is_a) {
      std::memcpy(packet.data() + length, record.data(), record.size());
      length += record.size();
    }
    packet[11] = has_opt ? 1 : 0;
    if (has_opt) {
      std::memcpy(packet.data() + length, kOpt.data(), kOpt.size());
      length += kOpt.size();
    }
    return length;
  });
}

}  // namespace cenote::bench
