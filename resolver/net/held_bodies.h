// How many bytes of unfinished request bodies a server holds in memory, in all and for each client, so that
// no client fills the memory with bodies that never end. Clients are known by IpAddress::host_bytes(). One
// thread's.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "resolver/base/address.h"

namespace cenote {

class HeldBodies {
 public:
  HeldBodies(size_t most, size_t most_of_a_client) : most_(most), most_of_a_client_(most_of_a_client) {}
  HeldBodies(const HeldBodies&) = delete;
  HeldBodies& operator=(const HeldBodies&) = delete;

  // What one request holds. It goes back when this goes; the HeldBodies outlives it.
  class Share {
   public:
    Share() = default;  // of no server: unlimited
    Share(HeldBodies& bodies, const IpAddress& client)
        : bodies_(&bodies), client_(client.host_bytes().begin(), client.host_bytes().end()) {}
    Share(Share&& other) noexcept
        : bodies_(std::exchange(other.bodies_, nullptr)),
          client_(std::move(other.client_)),
          bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(bodies_, other.bodies_);
      std::swap(client_, other.client_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Share() { clear(); }

    // False: the client or the server holds too many already, and nothing was added.
    [[nodiscard]] bool add(size_t bytes) {
      if (bodies_ == nullptr || bytes == 0) {
        return true;
      }
      size_t& of_client = bodies_->clients_[client_];
      if (bodies_->held_ + bytes > bodies_->most_ || of_client + bytes > bodies_->most_of_a_client_) {
        if (of_client == 0) {
          bodies_->clients_.erase(client_);
        }
        return false;
      }
      bodies_->held_ += bytes;
      of_client += bytes;
      bytes_ += bytes;
      return true;
    }

    void clear() noexcept {
      if (bytes_ == 0) {
        return;
      }
      const auto of_client = bodies_->clients_.find(client_);
      bodies_->held_ -= bytes_;
      of_client->second -= bytes_;
      if (of_client->second == 0) {
        bodies_->clients_.erase(of_client);
      }
      bytes_ = 0;
    }

   private:
    HeldBodies* bodies_ = nullptr;
    std::vector<uint8_t> client_;
    size_t bytes_ = 0;
  };

  [[nodiscard]] size_t held() const noexcept { return held_; }

 private:
  const size_t most_;
  const size_t most_of_a_client_;
  size_t held_ = 0;
  std::map<std::vector<uint8_t>, size_t> clients_;
};

}  // namespace cenote
