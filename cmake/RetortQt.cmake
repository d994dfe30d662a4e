# The Qt parts of the window. Included where its targets are used: imported targets live in the folder that finds them.
find_package(Qt6 6.4 REQUIRED COMPONENTS Core Gui Widgets Svg DBus PrintSupport LinguistTools)
find_package(QCustomPlotQt6 REQUIRED)
