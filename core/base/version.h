// The program's version: RETORT_VERSION, a text such as "0.1.0", set by the build.
#pragma once
#ifndef RETORT_VERSION
#error "RETORT_VERSION must be defined by the build"
#endif
