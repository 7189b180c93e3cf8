checks=$checks,firmware.secure_boot,boot.images,boot.next_start
look 'another board, started'
