clean 'another board'
