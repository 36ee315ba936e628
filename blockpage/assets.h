// The files of blockpage/assets/, compiled into the binary: the page needs nothing that an installation could
// lose. A language is one file, "xx.json".
#pragma once

#include <span>
#include <string_view>

namespace cenote {

struct Asset {
  std::string_view name;  // "page.html"
  std::string_view text;
};
using Assets = std::span<const Asset>;

Assets embedded_assets() noexcept;
// Empty when there is no such asset.
std::string_view find_asset(Assets assets, std::string_view name) noexcept;

}  // namespace cenote
