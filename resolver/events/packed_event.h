// An event in the bytes that it needs, a tenth of an Event's: what passes through a ring and what the history
// keeps. In memory only: no file and no other program has this form.
#pragma once

#include <array>
#include <new>

#include "resolver/events/event.h"

namespace cenote {

// A view of one: whoever makes it keeps the bytes.
class PackedEvent {
 public:
  static constexpr size_t kLeastBytes = 80;
  static constexpr size_t kMostBytes = 1064;
  static constexpr size_t kAlignment = 8;  // of where one stands, and of its size
  // Writes it to `to`, where kMostBytes have room; returns how many it took. The group may be a longer text
  // than an Event's. REQUIRES: no other is.
  static size_t pack(const EventView& event, uint8_t* to) noexcept;

  PackedEvent() = default;
  // REQUIRES: pack() has written there.
  explicit PackedEvent(const uint8_t* bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] Bytes bytes() const noexcept { return {bytes_, head().bytes}; }
  [[nodiscard]] EventView view() const noexcept;  // of these bytes

 private:
  // What varies in length stands behind the head, in this order.
  enum Piece : size_t {
    kName,
    kMatched,  // empty: the same name
    kClientName,
    kAddress,  // empty: not what the verdict is about
    kFeed,
    kCategory,
    kThreat,
    kReference,
    kGroup,
    kCounted,  // empty: one hit
    kPieces,
  };
  struct Head {
    WallTime time;
    IncidentId incident;
    VerdictFacts verdict;
    IpAddress client;
    Transport transport;
    uint16_t client_port;
    uint16_t type;
    uint16_t bytes;  // of all of it
    std::array<uint8_t, kPieces> sizes;
  };
  static_assert(alignof(Head) == kAlignment);
  struct Counted {
    uint32_t count;
    uint32_t omitted;
    WallTime first;
  };
  [[nodiscard]] const Head& head() const noexcept { return *reinterpret_cast<const Head*>(bytes_); }

  const uint8_t* bytes_ = nullptr;
};

// Here and not in the source: so a worker's view of a hit is never written down only to be read.
inline size_t PackedEvent::pack(const EventView& event, uint8_t* to) noexcept {
  Head& head = *new (to) Head{event.time,
                              event.incident,
                              event.verdict,
                              event.client,
                              event.transport,
                              event.client_port,
                              event.type,
                              0,
                              {}};
  uint8_t* at = to + sizeof(head);
  const auto add = [&](Piece piece, Bytes bytes) {
    head.sizes[piece] = static_cast<uint8_t>(bytes.size());
    if (!bytes.empty()) {
      std::memcpy(at, bytes.data(), bytes.size());
      at += bytes.size();
    }
  };
  add(kName, event.name);
  add(kMatched, is_same_name(event.matched, event.name) ? Bytes() : event.matched);
  add(kClientName, as_bytes(event.client_name));
  add(kAddress, event.verdict.is_about_address() ? event.address.bytes() : Bytes());
  add(kFeed, as_bytes(event.feed));
  add(kCategory, as_bytes(event.category));
  add(kThreat, as_bytes(event.threat));
  add(kReference, as_bytes(event.reference));
  add(kGroup, as_bytes(first_bytes(event.group, decltype(Event::group)::kCapacity)));
  if (event.count != 1 || event.omitted != 0) {
    const Counted counted{event.count, event.omitted, event.first};
    add(kCounted, {reinterpret_cast<const uint8_t*>(&counted), sizeof(counted)});
  }
  const auto size = static_cast<size_t>(at - to);
  head.bytes = static_cast<uint16_t>((size + kAlignment - 1) / kAlignment * kAlignment);
  return head.bytes;
}

}  // namespace cenote
