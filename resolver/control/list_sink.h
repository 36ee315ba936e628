// A pushed list on its way into the store's folder: never whole in memory, and gone when its request breaks
// off. Web thread.
#pragma once

#include <memory>

#include "ioc/incoming_list.h"
#include "resolver/base/log.h"
#include "resolver/net/http.h"

namespace cenote {

class ListSink final : public HttpBodySink {
 public:
  // Without a list every push is refused with "no room".
  explicit ListSink(std::shared_ptr<IncomingList> list) : list_(std::move(list)) {}

  [[nodiscard]] bool take(Bytes piece) override {
    const Result<void> kept = list_ ? list_->append(piece) : fail("no list");
    if (!kept && list_) {
      log::error("a pushed list cannot be kept: {}", kept.error().message);
    }
    return kept.has_value();
  }
  [[nodiscard]] const std::shared_ptr<IncomingList>& list() const noexcept { return list_; }

 private:
  std::shared_ptr<IncomingList> list_;
};

}  // namespace cenote
