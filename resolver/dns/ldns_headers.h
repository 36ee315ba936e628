// ldns, without its C macros for bool, true and false, which break every C++ header that comes after it.
#pragma once

#include <ldns/ldns.h>

#undef bool
#undef true
#undef false
