// A list for a push, as the control API would have put it on the disk.
#pragma once

#include <memory>
#include <stdexcept>
#include <string_view>

#include "ioc/updater.h"

namespace cenote::test {

inline std::shared_ptr<IncomingList> pushed_list(const Updater& updater, std::string_view text) {
  auto list = updater.new_list();
  if (!list || !(*list)->append(as_bytes(text))) {
    throw std::runtime_error("no list could be made");
  }
  return *list;
}

}  // namespace cenote::test
