// One export format each: entries in, lines out. For ioc/export*.cpp alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ioc/indicator.h"

namespace cenote {

struct ExportEntry {
  Scope scope = Scope::kExact;
  Action action = Action::kSinkhole;
  std::string_view feed;
  std::string_view category;
  std::string_view threat;
  std::string_view reference;
};

class ExportWriter {
 public:
  virtual ~ExportWriter() = default;
  // Lines for one entry; false: the format cannot say it.
  virtual bool name(const std::string& name, const ExportEntry& entry) = 0;
  virtual bool block(const Prefix& block, const ExportEntry& entry) = 0;
  // A name that passes whatever else is listed. Few formats can say it.
  virtual void exception(const std::string& /*name*/, bool /*is_exact*/) {}
  virtual std::string comment(const std::string& text) { return "# " + text + '\n'; }
  // The whole, with what stands before and after the lines.
  virtual std::string finish(const std::string& head, uint64_t serial) {
    (void)serial;
    return head + lines;
  }

  std::string lines;
};

// nullptr: no such format.
std::unique_ptr<ExportWriter> make_export_writer(std::string_view format);

}  // namespace cenote
