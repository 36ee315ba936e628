#include "resolver/upstream/server_memory.h"

#include <cstring>

#include "resolver/base/random.h"
#include "resolver/dns/cookie.h"

namespace cenote {

ServerMemory::ServerMemory(bool sends_cookies) {
  if (sends_cookies) {
    const uint64_t ours = Random().u64();
    std::memcpy(cookie_.bytes.data(), &ours, kClientCookieBytes);
    cookie_.size = kClientCookieBytes;
  }
}

EchoCookie ServerMemory::cookie() const noexcept {
  const std::lock_guard lock(mutex_);
  return cookie_;
}

void ServerMemory::give_up_cookies() noexcept {
  const std::lock_guard lock(mutex_);
  cookie_ = {};
}

std::shared_ptr<ServerMemory> ServerMemories::of(const UpstreamServer& server) {
  const std::lock_guard lock(mutex_);
  std::erase_if(memories_, [](const auto& each) { return each.second.expired(); });
  std::weak_ptr<ServerMemory>& known = memories_[server.address.to_text() + (server.mix_case ? " case" : "") +
                                                 (server.cookies ? " cookie" : "")];
  auto memory = known.lock();
  if (!memory) {
    memory = std::make_shared<ServerMemory>(server.cookies);
    known = memory;
  }
  return memory;
}

}  // namespace cenote
