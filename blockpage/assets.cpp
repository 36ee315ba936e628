#include "blockpage/assets.h"

namespace cenote {

std::string_view find_asset(Assets assets, std::string_view name) noexcept {
  for (const Asset& asset : assets) {
    if (asset.name == name) {
      return asset.text;
    }
  }
  return {};
}

}  // namespace cenote
