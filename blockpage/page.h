// The HTML of the block page, in every configured language. Templates are logic-less and escape whatever is
// put into them; they are read once, at start. Web thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "blockpage/assets.h"
#include "blockpage/incident.h"
#include "blockpage/settings.h"
#include "resolver/base/result.h"
#include "resolver/net/http.h"

namespace cenote {

class Page {
 public:
  // The error names the asset: a template that would not escape, a language that is absent or lacks a text.
  static Result<Page> load(const BlockpageSettings& settings, Assets assets = embedded_assets());
  Page(Page&&) noexcept;
  Page& operator=(Page&&) noexcept;
  ~Page();

  [[nodiscard]] const std::vector<std::string>& languages() const noexcept { return tags_; }

  // `language` is an index into languages().
  [[nodiscard]] HttpResponse blocked(const Incident& incident, size_t language) const;
  // For a host that is not blocked: 421, and not a word of what was asked.
  [[nodiscard]] HttpResponse elsewhere(size_t language) const;

 private:
  struct State;
  explicit Page(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  std::vector<std::string> tags_;
};

}  // namespace cenote
