#include "resolver/events/packed_event.h"

namespace cenote {

EventView PackedEvent::view() const noexcept {
  constexpr size_t kMostPieces =
      2 * kMaxNameBytes + sizeof(in6_addr) + ClientName::kCapacity + decltype(Verdict::feed)::kCapacity +
      decltype(Verdict::category)::kCapacity + decltype(Verdict::threat)::kCapacity +
      decltype(Verdict::reference)::kCapacity + decltype(Event::group)::kCapacity + sizeof(Counted);
  static_assert(sizeof(Head) + kMostPieces + kAlignment <= kMostBytes);
  static_assert(sizeof(Head) + kAlignment >= kLeastBytes);  // the root takes a byte, and so the next step
  const Head& head = this->head();
  const uint8_t* at = bytes_ + sizeof(head);
  const auto next = [&](Piece piece) {
    const Bytes found(at, head.sizes[piece]);
    at += found.size();
    return found;
  };
  EventView event;
  event.time = head.time;
  event.incident = head.incident;
  event.client_port = head.client_port;
  event.transport = head.transport;
  event.type = head.type;
  event.verdict = head.verdict;
  event.name = next(kName);
  event.matched = head.sizes[kMatched] == 0 ? event.name : next(kMatched);
  event.client = head.client;
  event.client_name = as_text(next(kClientName));
  event.address = IpAddress::from_bytes(next(kAddress)).value_or(IpAddress());
  event.feed = as_text(next(kFeed));
  event.category = as_text(next(kCategory));
  event.threat = as_text(next(kThreat));
  event.reference = as_text(next(kReference));
  event.group = as_text(next(kGroup));
  if (const Bytes bytes = next(kCounted); !bytes.empty()) {
    Counted counted{};
    std::memcpy(&counted, bytes.data(), sizeof(counted));
    event.count = counted.count;
    event.omitted = counted.omitted;
    event.first = counted.first;
  }
  return event;
}

}  // namespace cenote
