# After all of that the machine starts, and its audit is clean.
checks=$checks,firmware.secure_boot,boot.images,boot.next_start
look 'ten years'
run insmod /opt/new.ko
