// Reads the configuration: text in, settings and every problem out. Never throws; an unusable file still
// gives its problems. Start-up and reload only.
#pragma once

#include <string>
#include <string_view>

#include "conf/settings.h"

namespace cenote {

// Reads the file, and looks whether the files that it names exist.
LoadedSettings load_settings(const std::string& path);

// The same from memory, touching nothing else: `file` is what problems are reported under, `base_dir` is what
// relative paths start from.
LoadedSettings read_settings(std::string_view yaml, const std::string& file, const std::string& base_dir);

}  // namespace cenote
