// A JSON object as a file of the state folder, with a checksum of the rest as its first member: a changed
// byte is noticed, also where the JSON would still be good.
#pragma once

#include <string>
#include <string_view>

#include "resolver/base/result.h"

namespace cenote {

// REQUIRES: `object` is as dump(1) writes an object that is not empty.
std::string seal(std::string_view object);
// The object without its checksum; as it is where it carries none, for earlier versions wrote none.
Result<std::string> unseal(std::string_view text);

// The same for an object on one line, behind whose members it stands.
std::string seal_line(std::string_view object);
Result<std::string> unseal_line(std::string_view line);

}  // namespace cenote
