// The load: keeps so many questions in flight from several sockets, at full speed or at a rate, for a bounded
// time, and says what came back and how fast. One thread.
#pragma once

#include <algorithm>
#include <memory>

#include <poll.h>

#include "tests/bench/dns_wire.h"

namespace cenote::bench {

struct LoadOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string file;
  unsigned inflight = 256;
  unsigned sockets = 8;
  double qps = 0;  // 0: as fast as answers come
  double seconds = 3;
  bool edns = false;
  bool fresh = false;  // a new label before each name, so that no cache knows it
  uint32_t first_label = 0;
};

struct LoadResult {
  uint64_t sent = 0;
  uint64_t answered = 0;
  uint64_t with_records = 0;
  uint64_t bytes = 0;  // of all answers
  std::array<uint64_t, 16> rcodes{};
  std::vector<uint32_t> nanoseconds;  // of each answer
  double seconds = 0;
};

// What to ask next: the file's names in order, over and over.
class Source {
 public:
  Source(const LoadOptions& options)
      : questions_(options.file, options.edns), fresh_(options.fresh), label_(options.first_label) {}

  size_t write_next(std::array<uint8_t, kPacket>& out) {
    const auto question = questions_[next_];
    next_ = next_ + 1 == questions_.size() ? 0 : next_ + 1;
    if (!fresh_) {
      std::memcpy(out.data(), question.data(), question.size());
      return question.size();
    }
    std::memcpy(out.data(), question.data(), kHeader);
    out[kHeader] = 8;
    for (size_t i = 0; i < 8; ++i) {
      out[kHeader + 1 + i] = static_cast<uint8_t>("0123456789abcdef"[(label_ >> (28 - 4 * i)) & 15]);
    }
    ++label_;
    std::memcpy(out.data() + kHeader + 9, question.data() + kHeader, question.size() - kHeader);
    return question.size() + 9;
  }

 private:
  Questions questions_;
  size_t next_ = 0;
  bool fresh_;
  uint32_t label_;
};

// One socket and its questions. The id of each is its slot and how often the slot was used, so that an answer
// after the time-out is not taken for the next one's.
class Client {
 public:
  Client(const sockaddr_in& server, size_t slots) : descriptor_(open_socket()), slots_(slots) {
    if (connect(descriptor_, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
      die("connect");
    }
    for (size_t i = slots; i > 0; --i) {
      free_.push_back(static_cast<uint16_t>(i - 1));
    }
  }

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] size_t waiting() const { return slots_.size() - free_.size(); }

  // Sends at most `most`; returns how many.
  size_t send(Source& source, Batch& batch, size_t most, LoadResult& result) {
    const size_t count = std::min({most, free_.size(), kBatch});
    if (count == 0) {
      return 0;
    }
    for (size_t i = 0; i < count; ++i) {
      const uint16_t slot = free_[free_.size() - 1 - i];
      const auto id = static_cast<uint16_t>((++slots_[slot].uses << kSlotBits) | slot);
      batch.aim(i, source.write_next(batch.buffers[i]), false);
      batch.buffers[i][0] = static_cast<uint8_t>(id >> 8);
      batch.buffers[i][1] = static_cast<uint8_t>(id);
    }
    const double at = now();
    const int sent = sendmmsg(descriptor_, batch.headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    for (int i = 0; i < sent; ++i) {
      slots_[free_.back()].sent = at;
      free_.pop_back();
    }
    result.sent += static_cast<uint64_t>(std::max(sent, 0));
    return static_cast<size_t>(std::max(sent, 0));
  }

  // True: something came.
  bool receive(Batch& batch, LoadResult& result) {
    batch.aim_to_receive(false);
    const int received = recvmmsg(descriptor_, batch.headers.data(), kBatch, MSG_DONTWAIT, nullptr);
    const double at = now();
    for (size_t i = 0; i < static_cast<size_t>(std::max(received, 0)); ++i) {
      take(batch.buffers[i], batch.headers[i].msg_len, at, result);
    }
    return received > 0;
  }

  void forget_before(double time) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].sent != 0 && slots_[i].sent < time) {
        release(i);
      }
    }
  }

 private:
  static constexpr unsigned kSlotBits = 10;
  struct Slot {
    double sent = 0;  // 0: free
    uint16_t uses = 0;
  };

  void release(size_t slot) {
    slots_[slot].sent = 0;
    free_.push_back(static_cast<uint16_t>(slot));
  }

  void take(const std::array<uint8_t, kPacket>& packet, size_t size, double at, LoadResult& result) {
    const auto id = static_cast<uint16_t>((packet[0] << 8) | packet[1]);
    const size_t slot = id & ((1U << kSlotBits) - 1);
    if (size < kHeader || slot >= slots_.size() || slots_[slot].sent == 0 ||
        static_cast<uint16_t>((slots_[slot].uses << kSlotBits) | slot) != id) {
      return;
    }
    ++result.answered;
    result.bytes += size;
    ++result.rcodes[packet[3] & 15];
    result.with_records += packet[6] != 0 || packet[7] != 0 ? 1U : 0U;
    result.nanoseconds.push_back(static_cast<uint32_t>((at - slots_[slot].sent) * 1e9));
    release(slot);
  }

  int descriptor_;
  std::vector<Slot> slots_;
  std::vector<uint16_t> free_;
};

inline LoadResult run_load(const LoadOptions& options) {
  constexpr double kPatience = 1.0;  // seconds: then a question is lost
  Source source(options);
  sockaddr_in server = loopback(options.port);
  inet_pton(AF_INET, options.host.c_str(), &server.sin_addr);
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<pollfd> watched;
  for (unsigned i = 0; i < options.sockets; ++i) {
    clients.push_back(
        std::make_unique<Client>(server, std::clamp(options.inflight / options.sockets, 1U, 1024U)));
    watched.push_back({clients.back()->descriptor(), POLLIN, 0});
  }
  const auto batch = std::make_unique<Batch>();
  LoadResult result;
  const double start = now();
  double end = start + options.seconds;
  double next_look = start + 0.1;
  size_t waiting = 0;
  for (double time = start; time < end || (waiting > 0 && time < end + kPatience); time = now()) {
    bool moved = false;
    waiting = 0;
    // Another socket begins each time: at a low rate the first would send everything.
    std::rotate(clients.begin(), clients.begin() + 1, clients.end());
    for (const auto& client : clients) {
      moved |= client->receive(*batch, result);
      if (time < end) {
        const double due =
            options.qps > 0 ? (time - start) * options.qps - static_cast<double>(result.sent) : 1e9;
        moved |= due >= 1 && client->send(source, *batch, static_cast<size_t>(due), result) > 0;
      }
      waiting += client->waiting();
    }
    if (time > next_look) {
      next_look = time + 0.1;
      for (const auto& client : clients) {
        client->forget_before(time - kPatience);
      }
    }
    if (!moved) {
      const timespec pause{0, options.qps > 0 ? 50'000 : 1'000'000};
      ppoll(watched.data(), watched.size(), &pause, nullptr);
    }
  }
  result.seconds = options.seconds;
  return result;
}

inline void print_result(LoadResult& result) {
  std::vector<uint32_t>& times = result.nanoseconds;
  const auto percentile = [&](double share) {
    if (times.empty()) {
      return 0.0;
    }
    const auto at = times.begin() + static_cast<ptrdiff_t>(share * static_cast<double>(times.size() - 1));
    std::nth_element(times.begin(), at, times.end());
    return *at / 1e3;
  };
  std::printf(
      "{\"sent\": %llu, \"answered\": %llu, \"lost\": %llu, \"with_records\": %llu, "
      "\"bytes\": %llu, \"seconds\": %.3f",
      static_cast<unsigned long long>(result.sent), static_cast<unsigned long long>(result.answered),
      static_cast<unsigned long long>(result.sent - result.answered),
      static_cast<unsigned long long>(result.with_records), static_cast<unsigned long long>(result.bytes),
      result.seconds);
  std::printf(", \"us\": {\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p999\": %.1f}, \"rcodes\": {",
              percentile(.5), percentile(.9), percentile(.99), percentile(.999));
  const char* comma = "";
  for (size_t i = 0; i < result.rcodes.size(); ++i) {
    if (result.rcodes[i] != 0) {
      std::printf("%s\"%zu\": %llu", comma, i, static_cast<unsigned long long>(result.rcodes[i]));
      comma = ", ";
    }
  }
  std::printf("}}\n");
}

}  // namespace cenote::bench
