#include "resolver/net/tls_tickets.h"

#include <algorithm>

#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace cenote {
namespace {

template <typename Array>
void fill(Array& bytes) {
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

TicketKeys::~TicketKeys() {
  for (Slot& slot : slots_) {
    OPENSSL_cleanse(&slot.key, sizeof slot.key);
  }
}

void TicketKeys::forget_old(MonoTime now) {
  while (!slots_.empty() && now - slots_.back().made >= kOpens) {
    OPENSSL_cleanse(&slots_.back().key, sizeof(Key));
    slots_.pop_back();
  }
}

TicketKeys::Key TicketKeys::to_seal(MonoTime now) {
  const std::lock_guard lock(mutex_);
  forget_old(now);
  if (slots_.empty() || now - slots_.front().made >= kSeals) {
    Slot& made = slots_.emplace_front();
    fill(made.key.name);
    fill(made.key.cipher);
    fill(made.key.mac);
    made.made = now;
  }
  return slots_.front().key;
}

std::optional<TicketKeys::Key> TicketKeys::to_open(Bytes name, MonoTime now) {
  const std::lock_guard lock(mutex_);
  forget_old(now);
  const auto found = std::find_if(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    return std::equal(name.begin(), name.end(), slot.key.name.begin(), slot.key.name.end());
  });
  return found == slots_.end() ? std::nullopt : std::optional(found->key);
}

}  // namespace cenote
